"""What runs in kubernetes-bootcamp containers, whatever the arguments."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

PORT = 8080
VERSION = 2 if http.tag() == "v2" else 1
STARTED = time.time()
requests = 0


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def handle(_request):
    global requests
    requests += 1
    now = time.time()
    http.say(
        f"Running On: {http.hostname()} | Total Requests: {requests} | "
        f"App Uptime: {now - STARTED:.3f} seconds | Log Time: {stamp(now)}"
    )
    text = f"Hello Kubernetes bootcamp! | Running on: {http.hostname()} | v={VERSION}\n"
    return http.Answer(200, text, "text/plain")


def main():
    try:
        server = http.Server(http.address(), PORT, handle)
    except OSError as e:
        http.fail(f"Error: listen {http.address()}:{PORT}: {e.strerror}")
    http.on((2, 15), lambda: os._exit(143))
    http.say(f"Kubernetes Bootcamp App Started At: {stamp(STARTED)} | Running On:  {http.hostname()}\n")
    server.run()


main()
