"""What runs in agnhost containers: `agnhost COMMAND [--flag=value…]`."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

STARTED = time.time()


def flags(words):
    """`--http-port=80`, `--http-port 80` → {"http-port": "80"}, and what is left."""
    found, left, words = {}, [], list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            left.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("-") else "true"
        found[name] = value
    return found, left


def serve(port, handle, log=None):
    try:
        server = http.Server(http.address(), int(port), handle, log=log)
    except OSError as e:
        http.fail(f"listen tcp {http.address()}:{port}: bind: {e.strerror.lower()}")
    http.on((2, 15), server.stop)
    server.run()


def say(text):
    http.say(time.strftime("%Y/%m/%d %H:%M:%S ", time.gmtime()) + text, 2)


def pause(_flags, _words):
    http.say("Paused")
    http.on((2, 15), lambda: os._exit(0))
    import _signal

    while True:
        _signal.pause()


def netexec(given, _words):
    port = given.get("http-port", "8080")
    exits = []

    def handle(request):
        asked = request.parameters()
        say(f"{request.method} {request.path}")
        match request.path:
            case "/":
                return http.Answer(
                    200, f"NOW: {time.strftime('%Y-%m-%d %H:%M:%S')} +0000 UTC m=+{time.time() - STARTED:.9f}"
                )
            case "/clientip":
                return http.Answer(200, f"{request.peer[0]}:{request.peer[1]}")
            case "/hostname" | "/hostName":
                return http.Answer(200, http.hostname())
            case "/echo":
                return http.Answer(int(asked.get("code", "200")), asked.get("msg", "") + "\n")
            case "/header":
                return http.Answer(200, request.headers.get(asked.get("key", "").lower(), ""))
            case "/healthz":
                return http.Answer(500 if exits else 200, b"")
            case "/redirect":
                code = int(asked.get("code", "302"))
                return http.Answer(code, b"", headers=[("Location", asked.get("location", "/"))])
            case "/exit":
                code = int(asked.get("code", "0"))
                wait = seconds(asked.get("wait", "0"))
                return http.Answer(200, b"", then=lambda: (time.sleep(wait), os._exit(code)))
            case "/shutdown":
                return http.Answer(200, b"", then=lambda: os._exit(0))
            case "/shell" | "/shell/":
                return shell(asked.get("shellCommand") or asked.get("cmd", ""))
        return http.Answer(404, "404 page not found\n")

    say(f"Started HTTP server on port {port}")
    serve(port, handle)


def seconds(text):
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text or 0)


def shell(command):
    import subprocess

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
    quoted = (done.stdout + done.stderr).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    body = f'{{"output":"{quoted}"' + (f',"error":"exit status {done.returncode}"' if done.returncode else "") + "}\n"
    return http.Answer(200, body, "application/json")


def serve_hostname(given, _words):
    def handle(_request):
        return http.Answer(200, http.hostname())

    serve(given.get("port", "9376"), handle)


def test_webserver(given, _words):
    folder = os.environ.get("MINIKCTL_ROOT", "/")

    def handle(request):
        status, body, media, _ = http.serve_file(folder, request.path)
        if status == 403 and request.path.endswith("/"):
            names = sorted(os.listdir(folder + request.path))
            links = "".join(f'<a href="{n}">{n}</a>\n' for n in names)
            return http.Answer(200, f"<pre>\n{links}</pre>\n", "text/html; charset=utf-8")
        return http.Answer(status, body, media) if status == 200 else http.Answer(404, "404 page not found\n")

    serve(given.get("port", "80"), handle)


def liveness(_given, _words):
    """Healthy for ten seconds, as the page on liveness probes needs it."""

    def handle(request):
        age = time.time() - STARTED
        if request.path == "/healthz" and age > 10:
            return http.Answer(500, f"error: {age:.9f}")
        if request.path == "/started":
            return http.Answer(200, f"{age:.9f}s")
        return http.Answer(200, "ok")

    serve("8080", handle)


def logs_generator(given, _words):
    total, duration = int(given.get("log-lines-total", "0")), seconds(given.get("run-duration", "0"))
    verbs, folders = ("POST", "GET", "PUT"), ("kube-system", "ns", "default")
    http.on((2, 15), lambda: os._exit(0))
    for i in range(total):
        now = time.time()
        stamp = time.strftime("%m%d %H:%M:%S", time.gmtime(now)) + f".{int(now * 1e6) % 1000000:06d}"
        name = f"{i * 7919 % 17576:03x}"
        http.say(
            f"I{stamp} {os.getpid():7d} logs_generator.go:76] {i} {verbs[i % 3]} "
            f"/api/v1/namespaces/{folders[i % 3]}/pods/{name} {200 + i * 37 % 400}",
            2,
        )
        time.sleep(duration / total)


def entrypoint_tester(_given, _words):
    quoted = " ".join('"' + a.replace("\\", "\\\\").replace('"', '\\"') + '"' for a in ["/agnhost", *sys.argv[1:]])
    http.say(f"[{quoted}]".replace('"', "") if len(sys.argv) < 3 else f"[{' '.join(['/agnhost', *sys.argv[1:]])}]")


COMMANDS = {
    "pause": pause,
    "netexec": netexec,
    "serve-hostname": serve_hostname,
    "test-webserver": test_webserver,
    "liveness": liveness,
    "logs-generator": logs_generator,
    "entrypoint-tester": entrypoint_tester,
}


def main(argv):
    given, words = flags(argv)
    if given.get("version") or not words:
        known = ", ".join(sorted(COMMANDS))
        http.say(f"agnhost (emulated): {known}")
        return
    command = COMMANDS.get(words[0])
    if command is None:
        http.fail(f'Error: unknown command "{words[0]}" for "app" (this emulation has: {", ".join(sorted(COMMANDS))})')
    command(given, words[1:])


main(sys.argv[1:])
