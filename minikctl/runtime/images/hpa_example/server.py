"""What runs in hpa-example containers: a million square roots for each request."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os

import _server as http

PORT = 80
ROUNDS = 1_000_000


def handle(_request):
    x = 0.0001
    for _ in range(ROUNDS + 1):
        x += x**0.5
    return http.Answer(200, "OK!", "text/html; charset=UTF-8")


def main():
    try:
        server = http.Server(http.address(), PORT, handle, "Apache/2.4.10 (Debian)")
    except OSError as e:
        http.say(f"({e.errno}){e.strerror}: AH00072: make_sock: could not bind to address {http.address()}:{PORT}", 2)
        sys.exit(1)
    http.on((2, 15, 28), lambda: os._exit(0))
    server.run()


main()
