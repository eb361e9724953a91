"""Serves the files of the container: `[--port N]`."""

import os

import _server as http
from common import flags, port_of, serve


def main(words):
    given, _ = flags(words)
    folder = os.environ.get("MINIKCTL_ROOT", "/").rstrip("/")

    def handle(request):
        status, body, media, _ = http.serve_file(folder, request.path)
        if status == 403 and request.path.endswith("/"):
            names = sorted(os.listdir(folder + request.path))
            links = "".join(f'<a href="{n}">{n}</a>\n' for n in names)
            return http.Answer(200, f"<pre>\n{links}</pre>\n", "text/html; charset=utf-8")
        if status == 301:
            return http.Answer(301, b"", headers=[("Location", request.path.rpartition("/")[2] + "/")])
        return http.Answer(status, body, media) if status == 200 else http.Answer(404, "404 page not found\n")

    serve(port_of(given, "port", 80), handle)
