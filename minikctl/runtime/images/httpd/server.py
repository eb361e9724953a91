"""What runs in httpd containers: `httpd-foreground`, `httpd [-v]`."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

PORT = 80
CONTENT = "/usr/local/apache2/htdocs"
LATEST = "2.4.66"


def version():
    number = http.tag().split("-", 1)[0]
    if number.count(".") == 2 and number.replace(".", "").isdigit():
        return number
    return "2.2.34" if number == "2.2" else LATEST


TEXTS = {
    403: "You don't have permission to access this resource.",
    404: "The requested URL was not found on this server.",
    405: "The requested method is not allowed for this URL.",
}


def page(status):
    title = f"{status} {http.REASONS[status]}"
    return (
        '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n'
        f"<html><head>\n<title>{title}</title>\n</head><body>\n<h1>{http.REASONS[status]}</h1>\n"
        f"<p>{TEXTS.get(status, '')}</p>\n</body></html>\n"
    )


def handle(request):
    media = "text/html; charset=iso-8859-1"
    if request.method not in ("GET", "HEAD", "OPTIONS", "POST"):
        return http.Answer(405, page(405), media)
    folder = os.path.realpath(http.root() + CONTENT)
    status, body, kind, modified = http.serve_file(folder, request.path)
    if status == 301:
        where = f"http://{request.headers.get('host', http.address())}{request.path}/"
        return http.Answer(301, page(301), media, [("Location", where)])
    if status != 200:
        return http.Answer(status, page(status), media)
    headers = [("Last-Modified", http.http_date(modified)), ("Accept-Ranges", "bytes")]
    return http.Answer(200, body, kind, headers)


def access(request, answer, size):
    http.say(
        f'{request.peer[0]} - - [{http.log_date(time.time())}] "{request.method} {request.target} {request.version}" '
        f"{answer.status} {size}"
    )


def note(code, text):
    now = time.strftime("%a %b %d %H:%M:%S", time.gmtime())
    http.say(f"[{now}.000000 {time.gmtime().tm_year}] [core:notice] [pid 1:tid 1] {code}: {text}", 2)


def main(argv):
    if "-v" in argv:
        http.say(f"Server version: Apache/{version()} (Unix)")
        sys.exit(0)
    try:
        server = http.Server(http.address(), PORT, handle, f"Apache/{version()} (Unix)", access)
    except OSError as e:
        http.say(f"({e.errno}){e.strerror}: AH00072: make_sock: could not bind to address {http.address()}:{PORT}", 2)
        http.fail("no listening sockets available, shutting down")
    http.on((2, 15), server.stop)
    http.on((28,), server.drain)
    note("AH00489", f"Apache/{version()} (Unix) configured -- resuming normal operations")
    note("AH00094", "Command line: 'httpd -D FOREGROUND'")
    server.run()
    note("AH00491", "caught SIGTERM, shutting down")


main(sys.argv[1:])
