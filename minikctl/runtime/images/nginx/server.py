"""What runs in nginx containers: `nginx [-g DIRECTIVES] [-v] [-V] [-t]`."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0], __file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http
from versions import version

PORT = 80
CONTENT = "/usr/share/nginx/html"
WELCOME = b"""<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>body { width: 35em; margin: 0 auto; font-family: sans-serif; }</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>This page comes from a server that answers like nginx. It works.</p>
<p>Mount a volume at /usr/share/nginx/html to serve pages of your own.</p>
</body>
</html>
"""
STARTED = time.time()
VERSION = version(http.tag())
TEXTS = {301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Not Allowed"}


def page(status):
    """nginx's own page for a status."""
    title = f"{status} {TEXTS.get(status) or http.REASONS.get(status, '')}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>nginx/{VERSION}</center>\r\n</body>\r\n</html>\r\n"
    )


def handle(request):
    if request.method not in ("GET", "HEAD"):
        return http.Answer(405, page(405), "text/html")
    folder = http.root(CONTENT)
    if folder:
        status, body, media, modified = http.serve_file(os.path.realpath(folder), request.path)
    elif request.path in ("/", "/index.html"):
        status, body, media, modified = 200, WELCOME, "text/html", STARTED
    else:
        status, body, media, modified = 404, b"", "", 0
    if status == 301:
        where = f"http://{request.headers.get('host', http.address())}{request.path}/"
        return http.Answer(301, page(301), "text/html", [("Location", where)])
    if status != 200:
        if status == 404:
            missing(request)
        return http.Answer(status, page(status), "text/html")
    tag = f'"{int(modified):x}-{len(body):x}"'
    headers = [("Last-Modified", http.http_date(modified)), ("ETag", tag), ("Accept-Ranges", "bytes")]
    if request.headers.get("if-none-match") == tag:
        return http.Answer(304, b"", "", headers)
    return http.Answer(200, body, media, headers)


def missing(request):
    if request.path == "/favicon.ico":
        return
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
    http.say(
        f'{now} [error] {os.getpid()}#{os.getpid()}: *1 open() "{CONTENT}{request.path}" failed (2: No such file or '
        f'directory), client: {request.peer[0]}, server: localhost, request: "{request.method} {request.target} '
        f'{request.version}", host: "{request.headers.get("host", "")}"',
        2,
    )


def access(request, answer, size):
    """The `main` log format of the official image."""
    get = request.headers.get
    http.say(
        f'{request.peer[0]} - - [{http.log_date(time.time())}] "{request.method} {request.target} {request.version}" '
        f'{answer.status} {size} "{get("referer", "-")}" "{get("user-agent", "-")}" "{get("x-forwarded-for", "-")}"'
    )


def notice(text):
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
    http.say(f"{now} [notice] 1#1: {text}", 2)


def main(argv):
    if "-v" in argv or "-V" in argv:
        http.fail(f"nginx version: nginx/{VERSION}", 0)
    if "-t" in argv or "-T" in argv:
        http.say("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok", 2)
        http.fail("nginx: configuration file /etc/nginx/nginx.conf test is successful", 0)
    if "-s" in argv:
        http.fail("nginx: [error] signals are not sent by this nginx: it is an emulation", 1)
    if http.root("/etc/nginx"):
        http.say("nginx: [warn] this nginx is an emulation: it does not read the configuration in /etc/nginx", 2)
    try:
        server = http.Server(http.address(), PORT, handle, f"nginx/{VERSION}", access)
    except OSError as e:
        http.fail(f"nginx: [emerg] bind() to {http.address()}:{PORT} failed ({e.errno}: {e.strerror})")
    http.on((2, 15), server.stop)
    http.on((3,), server.drain)
    notice('using the "epoll" event method')
    notice(f"nginx/{VERSION}")
    notice("start worker processes")
    server.run()


main(sys.argv[1:])
