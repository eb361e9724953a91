"""What several commands of agnhost share."""

import os
import time

import _server as http

BOTH = (2, 15)
"""SIGINT and SIGTERM."""


def flags(words, short=()):
    """`--http-port=80`, `--http-port 80`, `-t 80` → {"http-port": "80"}, and what is left. short: {"t": "long-name"}."""
    found, left, words, short = {}, [], list(words), dict(short)
    while words:
        word = words.pop(0)
        if word == "--":
            return found, left + words
        if not word.startswith("-") or word == "-":
            left.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            value = words.pop(0) if words and not _is_flag(words[0]) else "true"
        found[short.get(name, name)] = value
    return found, left


def _is_flag(word):
    return word.startswith("-") and not word[1:].isdigit()


def port_of(given, name, default):
    text = given.get(name, default)
    try:
        return int(text)
    except ValueError:
        http.fail(
            f'Error: invalid argument "{text}" for "--{name}" flag: strconv.ParseInt: parsing "{text}": invalid syntax'
        )


def seconds(text):
    """Go's durations: `1m30s`, `250ms`. Raises ValueError."""
    total, number, rest = 0.0, "", text
    while rest:
        if rest[0].isdigit() or rest[0] == ".":
            number, rest = number + rest[0], rest[1:]
            continue
        unit = next(u for u in (*UNITS, "") if rest.startswith(u))
        if not unit or not number:
            raise ValueError(text)
        total, number, rest = total + float(number) * UNITS[unit], "", rest[len(unit) :]
    if number and float(number):
        raise ValueError(text)
    return total


UNITS = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}


def say(text):
    """A line as Go's log package writes it."""
    http.say(time.strftime("%Y/%m/%d %H:%M:%S ", time.gmtime()) + text, 2)


def klog(text, where, level="I"):
    """A line as klog writes it. where: `file.go:12`."""
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.gmtime(now)) + f".{int(now * 1e6) % 1000000:06d}"
    http.say(f"{level}{stamp} {os.getpid():7d} {where}] {text}", 2)


def server(**more):
    """A server without a listener."""
    made = http.Server("", None, **more)
    http.on(BOTH, made.stop)
    return made


def listen(made, port, handle, tls=None):
    try:
        made.listen(http.address(), int(port), handle, tls)
    except OSError as e:
        say(f"listen tcp {http.address()}:{port}: bind: {e.strerror.lower()}")
        http.fail("", 1)


def serve(port, handle, **more):
    made = server(**more)
    listen(made, port, handle)
    made.run()


def place(path):
    """A path of the container's: below $MINIKCTL_ROOT where the container has no root of its own."""
    base = os.environ.get("MINIKCTL_ROOT", "").rstrip("/")
    top = "/" + path.lstrip("/").partition("/")[0]
    return base + path if base and os.path.lexists(base + top) else path


def content_of(path):
    """The bytes of a file of the container's. Raises OSError."""
    fd = os.open(place(path), os.O_RDONLY)
    try:
        data = b""
        while part := os.read(fd, 65536):
            data += part
        return data
    finally:
        os.close(fd)


def compact(value):
    """JSON as Go writes it."""
    import json

    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def get(host, port, path, timeout=5.0):
    """The body of a GET. Raises OSError."""
    return _ask("GET", host, port, path, None, timeout)


def post(host, port, path, body, timeout=5.0):
    """The body of the answer to a POST. Raises OSError."""
    return _ask("POST", host, port, path, body, timeout)


def _ask(method, host, port, path, body, timeout):
    import http.client

    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, body)
        return connection.getresponse().read().decode("utf-8", "replace")
    except http.client.HTTPException as e:
        raise OSError(str(e)) from None
    finally:
        connection.close()


def joined(host, port):
    """`host:port`, `[v6]:port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_address():
    """What others reach this pod at."""
    return os.environ.get("POD_IP") or http.hostname()
