"""What runs in hello-app containers."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

VERSION = "2.0.0" if http.tag() in ("2.0", "latest") else "1.0.0"


def log(text):
    http.say(f"{time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} {text}", 2)


def handle(request):
    log(f"Serving request: {request.path}")
    return http.Answer(200, f"Hello, world!\nVersion: {VERSION}\nHostname: {http.hostname()}\n")


def main():
    port = os.environ.get("PORT") or "8080"
    try:
        server = http.Server(http.address(), int(port), handle)
    except OSError as e:
        log(f"listen tcp {http.address()}:{port}: bind: {e.strerror.lower()}")
        sys.exit(1)
    http.on((2, 15), lambda: os._exit(2))
    log(f"Server listening on port {port}")
    server.run()


main()
