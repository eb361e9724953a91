"""What runs as stress and stress-ng: `-c/--cpu N`, `-i/--io N`, `-m/--vm N`, `--vm-bytes B`, `--vm-hang N`, `--vm-keep`,
`-d/--hdd N`, `--hdd-bytes B`, `-t/--timeout N`, `-v`, `-q`. One process a worker, as the real ones.
"""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import _signal
import os
import time

import _server as http

SHORT = {
    "c": "cpu", "i": "io", "m": "vm", "d": "hdd", "t": "timeout", "v": "verbose", "q": "quiet", "n": "dry-run", "b": "backoff",
    "l": "cpu-load",
}  # fmt: skip
PLAIN = ("verbose", "quiet", "dry-run", "vm-keep", "metrics-brief", "metrics", "tz", "times", "version", "help")
OTHERS = ("vm-bytes", "vm-hang", "vm-stride", "hdd-bytes", "vm-method", "cpu-method", "temp-path", "verify")
WORKERS = ("cpu", "io", "vm", "hdd")
PAGE = 4096
NAME = "stress-ng" if "stress-ng" in http.tag() or "stress-ng" in os.environ.get("MINIKCTL_IMAGE", "") else "stress"


def options(argv):
    given, argv = {}, list(argv)
    while argv:
        word = argv.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        name = SHORT.get(name, name) if not word.startswith("--") else name
        if not word.startswith("-") or name not in (*SHORT.values(), *PLAIN, *OTHERS):
            http.fail(f"{NAME}: FAIL: [{os.getpid()}] (244) unrecognized option: {word}")
        if name not in PLAIN and not equals:
            if not argv:
                http.fail(f"{NAME}: FAIL: [{os.getpid()}] (244) missing argument to option '{word}'")
            value = argv.pop(0)
        given[name] = value
    return given


def number(text, units):
    """`64M`, `2h`. Ends the program for what is none."""
    factor = 1
    if text and text[-1].lower() in units:
        text, factor = text[:-1], units[text[-1].lower()]
    try:
        return float(text) * factor
    except ValueError:
        http.fail(f"{NAME}: FAIL: [{os.getpid()}] (244) invalid number: {text}")


def in_bytes(text, workers):
    if text.endswith("%"):
        return int(os.sysconf("SC_PHYS_PAGES") * PAGE * float(text[:-1]) / 100 / workers)
    return int(number(text, {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}))


def in_seconds(text):
    return number(text, {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 31536000})


def use_cpu(share):
    x = 2.0
    while True:
        end = time.monotonic() + 0.1 * share
        while time.monotonic() < end:
            for _ in range(1000):
                x = (x * 1.0000001) ** 0.5 + 1
        if share < 1:
            time.sleep(0.1 * (1 - share))


def use_memory(size, hang, keep):
    held = None
    while True:
        if held is None:
            held = bytearray(size)
        for i in range(0, size, PAGE):
            held[i] = 90
        if hang is not None:
            time.sleep(hang or 1e9)
        if not keep:
            held = None


def use_sync():
    while True:
        os.sync()


def use_disk(size):
    chunk = b"\xaa" * (1 << 20)
    while True:
        path = f"{NAME}.{os.getpid()}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.unlink(path)
        left = size
        while left > 0:
            left -= os.write(fd, chunk[: min(left, len(chunk))])
        os.close(fd)


def start(work, *given):
    pid = os.fork()
    if pid:
        return pid
    for signal in (2, 14, 15):
        _signal.signal(signal, _signal.SIG_DFL)
    try:
        work(*given)
    except MemoryError:
        http.say(f"{NAME}: FAIL: [{os.getpid()}] (495) hogvm malloc failed: Cannot allocate memory", 2)
    except OSError as e:
        http.say(f"{NAME}: FAIL: [{os.getpid()}] (577) write failed: {e.strerror}", 2)
    os._exit(1)


def workers(given, counts):
    hang = in_seconds(given["vm-hang"]) if "vm-hang" in given else None
    share = min(1.0, float(given.get("cpu-load", "100")) / 100)
    size = in_bytes(given.get("vm-bytes", "256M"), max(1, counts["vm"]))
    disk = in_bytes(given.get("hdd-bytes", "1G"), max(1, counts["hdd"]))
    kinds = {"cpu": (use_cpu, share), "io": (use_sync,), "vm": (use_memory, size, hang, "vm-keep" in given)}
    kinds["hdd"] = (use_disk, disk)
    return [kinds[kind] for kind in WORKERS for _ in range(counts[kind])]


def main(argv):
    given = options(argv)
    counts = {kind: int(number(given.get(kind, "0"), {})) for kind in WORKERS}
    if "cpu" in given and not counts["cpu"] and NAME == "stress-ng":
        counts["cpu"] = os.cpu_count() or 1
    if not argv or "help" in given or not any(counts.values()):
        http.fail(
            f"Usage: {NAME} [--cpu N] [--io N] [--vm N [--vm-bytes B] [--vm-hang N]] [--hdd N] [--timeout N]",
            0 if not argv else 1,
        )
    me, begun = os.getpid(), time.monotonic()

    def say(text):
        if "quiet" not in given:
            http.say(f"{NAME}: {text}")

    shown = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    say(f"info: [{me}] dispatching hogs: {shown}")
    alive = {start(*work) for work in workers(given, counts)}

    def end(code):
        for pid in alive:
            os.kill(pid, 9)
        os._exit(code)

    def done():
        say(f"info: [{me}] successful run completed in {time.monotonic() - begun:.0f}s")
        end(0)

    http.on((14,), done)
    http.on((2, 15), lambda: end(1))
    if "timeout" in given and in_seconds(given["timeout"]) > 0:
        _signal.setitimer(_signal.ITIMER_REAL, in_seconds(given["timeout"]))
    while alive:
        pid, status = os.wait()
        if pid not in alive:
            continue
        alive.discard(pid)
        how = f"got signal {status & 127}" if status & 127 else f"returned error {status >> 8}"
        http.say(f"{NAME}: FAIL: [{me}] (415) <-- worker {pid} {how}", 2)
        http.say(f"{NAME}: WARN: [{me}] (417) now reaping child worker processes", 2)
        http.say(f"{NAME}: FAIL: [{me}] (451) failed run completed in {time.monotonic() - begun:.0f}s", 2)
        end(1)


main(sys.argv[1:])
