"""What runs in whoami containers: `/whoami [--port N] [--name NAME] [--cert F --key F] [--verbose]`.

/ /api /bench /data?size=N&unit=KB /health
"""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

HEALTH = [200]
UNITS = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}


def options(argv):
    given, argv = {}, list(argv)
    while argv:
        name, equals, value = argv.pop(0).lstrip("-").partition("=")
        if not equals and name not in ("verbose", "v"):
            value = argv.pop(0) if argv else ""
        given[name] = value
    return given


def addresses():
    own = os.environ.get("POD_IP")
    return ["127.0.0.1", *([own] if own else [])]


def described(request, name):
    lines = [f"Name: {name}"] if name else []
    lines += [f"Hostname: {http.hostname()}", *(f"IP: {a}" for a in addresses())]
    lines += [
        f"RemoteAddr: {request.peer[0]}:{request.peer[1]}",
        f"{request.method} {request.target} {request.version}",
    ]
    headers = sorted((k.title(), v) for k, v in request.raw_headers if k.lower() != "host")
    lines += [f"Host: {request.headers.get('host', '')}", *(f"{k}: {v}" for k, v in headers)]
    body = request.body.decode("utf-8", "replace")
    return "\n".join(lines) + f"\n\n{body}"


def as_json(request, name):
    import json

    headers = {}
    for key, value in request.raw_headers:
        if key.lower() != "host":
            headers.setdefault(key.title(), []).append(value)
    shown = {"hostname": http.hostname(), "ip": addresses(), "headers": headers, "url": request.target}
    shown |= {
        "host": request.headers.get("host", ""),
        "method": request.method,
        "remoteAddr": f"{request.peer[0]}:{request.peer[1]}",
    }
    return json.dumps({**shown, **({"name": name} if name else {})}) + "\n"


def data(asked):
    size = int(asked.get("size", "1")) * UNITS.get(asked.get("unit", "").lower(), 1)
    size = min(size, 64 << 20)
    return ("|" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ-" * (size // 27 + 1))[: max(0, size - 1)] + "|"


def main(argv):
    given = options(argv)
    port = int(given.get("port") or os.environ.get("WHOAMI_PORT_NUMBER") or 80)
    name = given.get("name") or os.environ.get("WHOAMI_NAME", "")

    def handle(request):
        asked = request.parameters()
        if "verbose" in given:
            now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
            http.say(
                f"{now} {request.peer[0]}:{request.peer[1]} - {request.method} {request.target} {request.version}", 2
            )
        if request.path == "/health":
            if request.method == "POST":
                HEALTH[0] = int(request.body or b"200")
                return http.Answer(200, b"")
            return http.Answer(HEALTH[0], b"")
        if request.path == "/bench":
            return http.Answer(200, "1", "text/plain")
        if request.path == "/data":
            return http.Answer(200, data(asked), "application/octet-stream")
        if request.path == "/api":
            return http.Answer(200, as_json(request, name), "application/json")
        answer = http.Answer(200, described(request, name))
        wait = asked.get("wait", "")
        if not wait:
            return answer
        seconds = float(wait[:-2]) / 1000 if wait.endswith("ms") else float(wait.rstrip("s"))
        return http.Later(lambda: (time.sleep(seconds), answer)[1])

    tls = http.tls(given["cert"], given.get("key", "")) if given.get("cert") else None
    try:
        server = http.Server(http.address(), port, handle, tls=tls)
    except OSError as e:
        http.fail(f"listen tcp :{port}: bind: {e.strerror.lower()}")
    http.on((2, 15), lambda: os._exit(2))
    http.say(f"{time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} Starting up on port {port}", 2)
    server.run()


main(sys.argv[1:])
