"""What runs in nginx containers: `nginx [-g DIRECTIVES] [-c FILE] [-t] [-T] [-v] [-V] [-s SIGNAL]`.

It reads the configuration in /etc/nginx. Where that has directives that are not emulated, it becomes the host's nginx, if
there is one.
"""

import sys

sys.path[:0] = [__file__.rpartition("/")[0], __file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http
from config import Wrong, check, first, local_files, parse
from sites import Site
from versions import version

VERSION = version(http.tag())
CONFIG = "/etc/nginx/nginx.conf"
PID = "/run/nginx.pid"
TEXTS = {
    301: "Moved Permanently", 302: "Found", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Not Allowed",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out",
}  # fmt: skip
HOSTS, BECAME = "/usr/sbin/nginx", "MINIKCTL_HOSTS_NGINX"


def page(status):
    """nginx's own page for a status."""
    title = f"{status} {TEXTS.get(status) or http.REASONS.get(status, '')}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>nginx/{VERSION}</center>\r\n</body>\r\n</html>\r\n"
    )


def base():
    """The folder that stands for `/`."""
    return os.environ.get("MINIKCTL_ROOT", "").rstrip("/")


def notice(text, level="notice"):
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
    http.say(f"{now} [{level}] {os.getpid()}#{os.getpid()}: {text}", 2)


def note(text, request):
    if request.raw.path == "/favicon.ico":
        return
    raw = request.raw
    names = first(request.server[2], "server_name") or [""]
    notice(
        f'*1 {text}, client: {raw.peer[0]}, server: {names[0]}, request: "{raw.method} {raw.target} {raw.version}", '
        f'host: "{raw.headers.get("host", "")}"',
        "error",
    )


def configured(path):
    """The site of a configuration. Raises Wrong."""
    read, listed = local_files(base())
    directives = parse(path, read, listed)
    check(directives)
    block = next((d[2] for d in directives if d[0] == "http"), [])
    return Site(block, base(), VERSION, page, note)


class Log:
    """One line for each answer, where the configuration wants it; the image's own files are links to the output."""

    def __init__(self, site):
        self.site = site

    def __call__(self, raw, answer, size):
        from sites import Request

        place, form = getattr(answer, "log", None) or (None, None)
        if place is None:
            return
        request = Request(raw, self.site.server_for(raw.port, raw.headers.get("host", "")))
        request.variables = {"status": str(answer.status), "body_bytes_sent": str(size), "bytes_sent": str(size)}
        dashes = {"http_referer": "referer", "http_user_agent": "user-agent", "http_x_forwarded_for": "x-forwarded-for"}
        request.variables |= {k: raw.headers.get(v, "-") for k, v in dashes.items()}
        line = self.site.text(form, request)
        if place in ("/var/log/nginx/access.log", "/dev/stdout"):
            http.say(line)
        else:
            _append(base() + place if place != "/dev/stderr" else place, line)


def _append(path, line):
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        return
    os.write(fd, line.encode("utf-8", "replace") + b"\n")
    os.close(fd)


def fail(text):
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
    http.say(f"{now} [emerg] {os.getpid()}#{os.getpid()}: {text}", 2)
    http.fail(f"nginx: [emerg] {text}")


def become_the_hosts(argv, text):
    """Where this program cannot do what is asked for."""
    if base() or BECAME in os.environ or not os.access(HOSTS, os.X_OK):
        return  # it would read the host's own configuration; or there is none
    for name, target in (("access.log", "/dev/stdout"), ("error.log", "/dev/stderr")):
        try:
            os.symlink(target, f"/var/log/nginx/{name}")
        except OSError:
            pass
    notice(f"{text}: not emulated, so this is the machine's own nginx")
    os.environ[BECAME] = "yes"
    os.execv(HOSTS, ["nginx", *argv])


def signal_main(argv):
    name = argv[argv.index("-s") + 1] if argv[-1] != "-s" else ""
    number = {"stop": 15, "quit": 3, "reload": 1, "reopen": 10}.get(name)
    if number is None:
        http.fail(f'nginx: invalid option: "-s {name}"')
    try:
        fd = os.open(base() + PID, os.O_RDONLY)
        os.kill(int(os.read(fd, 20)), number)
        os.close(fd)
    except (OSError, ValueError):
        http.fail(f'nginx: [error] open() "{PID}" failed (2: No such file or directory)')
    sys.exit(0)


def write_pid():
    try:
        fd = os.open(base() + PID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, b"%d\n" % os.getpid())
        os.close(fd)
    except OSError:
        pass  # a read-only file system


def listen(server, site, known):
    """Open what the configuration asks for and is not open yet."""
    for port, pair in site.listeners().items():
        if port in known:
            continue
        tls = http.tls(base() + pair[0], base() + pair[1]) if pair else None
        try:
            server.listen(http.address(), port, lambda request: current[0].answer(request), tls)
        except OSError as e:
            fail(f"bind() to {http.address()}:{port} failed ({e.errno}: {e.strerror})")
        known.add(port)


current = []


def main(argv):
    if "-v" in argv or "-V" in argv:
        http.fail(f"nginx version: nginx/{VERSION}", 0)
    if "-s" in argv:
        signal_main(argv)
    path = argv[argv.index("-c") + 1] if "-c" in argv[:-1] else CONFIG
    try:
        site = configured(path)
    except Wrong as e:
        if e.unknown:
            become_the_hosts(argv, str(e))
        if "-t" in argv or "-T" in argv:
            http.say(f"nginx: [emerg] {e}", 2)
            http.fail(f"nginx: configuration file {path} test failed")
        fail(str(e))
    if "-t" in argv or "-T" in argv:
        http.say(f"nginx: the configuration file {path} syntax is ok", 2)
        http.fail(f"nginx: configuration file {path} test is successful", 0)
    serve(site, path)


def serve(site, path):
    current[:] = [site]
    log = Log(site)
    tokens = first(site.block, "server_tokens", ["on"]) != ["off"]
    server = http.Server("", None, server=f"nginx/{VERSION}" if tokens else "nginx", log=log)
    known = set()
    listen(server, site, known)

    def reload():
        try:
            current[:] = [configured(path)]
        except Wrong as e:
            notice(str(e), "emerg")
            return
        log.site = current[0]
        listen(server, current[0], known)
        notice("signal 1 (SIGHUP) received, reconfiguring")

    http.on((2, 15), server.stop)
    http.on((3, 28), server.drain)
    http.on((1,), reload)
    http.on((10,), lambda: None)
    write_pid()
    notice('using the "epoll" event method')
    notice(f"nginx/{VERSION}")
    notice("start worker processes")
    server.run()


main(sys.argv[1:])
