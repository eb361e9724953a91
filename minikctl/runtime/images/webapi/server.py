"""What runs in maho/webapi containers, whatever the arguments."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

PORT = 3000
READY_AFTER, HEALTHY_FOR = 20.0, 40.0
STARTED = time.monotonic()


def handle(request):
    age = time.monotonic() - STARTED
    if request.path == "/":
        return http.Answer(200, "Hello from Node.js\n", "text/html; charset=utf-8")
    if request.path not in ("/healthz", "/ready"):
        return http.Answer(404, f"Cannot {request.method} {request.path}\n")
    good = age >= READY_AFTER if request.path == "/ready" else age <= HEALTHY_FOR
    http.say(f"{request.method} {request.path} {200 if good else 500}")
    return http.Answer(200 if good else 500, "OK" if good else "NG", "text/html; charset=utf-8")


def main():
    try:
        server = http.Server(http.address(), PORT, handle)
    except OSError as e:
        http.fail(f"Error: listen {http.address()}:{PORT}: {e.strerror}")
    http.on((2, 15), lambda: os._exit(143))
    server.run()


main()
