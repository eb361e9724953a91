"""Healthy for ten seconds, as the page on liveness probes needs it."""

import time

import _server as http
from common import serve

STARTED = time.time()


def handle(request):
    age = time.time() - STARTED
    if request.path == "/healthz":
        return http.Answer(500, f"error: {age:.9f}") if age > 10 else http.Answer(200, "ok")
    if request.path == "/started":
        return http.Answer(200, f"{age:.9f}s")
    if request.path == "/redirect":
        return http.Answer(302, b"", headers=[("Location", request.parameters().get("loc", "/"))])
    return http.Answer(404, "404 page not found\n")


def main(_words):
    serve(8080, handle)
