"""What runs in http-echo containers: `/http-echo -text=TEXT [-listen=:5678] [-status-code=200]`."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http


def options(argv):
    given, argv = {}, list(argv)
    while argv:
        name, equals, value = argv.pop(0).lstrip("-").partition("=")
        given[name] = value if equals or not argv else argv.pop(0)
    return given


def main(argv):
    given = options(argv)
    text = given.get("text") or os.environ.get("ECHO_TEXT", "")
    if not text:
        http.fail("Missing -text option!", 127)
    port, status = int(given.get("listen", ":5678").rpartition(":")[2]), int(given.get("status-code", "200"))
    named = [("X-App-Name", "http-echo"), ("X-App-Version", "1.0.0")]

    def access(request, answer, size):
        now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
        host, agent = request.headers.get("host", ""), request.headers.get("user-agent", "")
        line = f"{request.method} {request.target} {request.version}"
        http.say(f'{now} {host} {request.peer[0]}:{request.peer[1]} "{line}" {answer.status} {size} "{agent}" 0s')

    def handle(request):
        if request.path == "/health":
            return http.Answer(200, '{"status":"ok"}\n', "application/json; charset=utf-8", named)
        return http.Answer(status, text + "\n", headers=named)

    try:
        server = http.Server(http.address(), port, handle, log=access)
    except OSError as e:
        http.fail(f"listen tcp :{port}: bind: {e.strerror.lower()}")
    http.on((2, 15), server.drain)
    http.say(f"{time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} [INFO] server is listening on :{port}")
    server.run()


main(sys.argv[1:])
