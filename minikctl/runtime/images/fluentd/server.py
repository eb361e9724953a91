"""What runs in fluentd and Fluent Bit containers: follows files and writes one record a line.

Which files: `path` of the configuration's sources (fluentd's `<source>`, Fluent Bit's `[INPUT]`), else
/var/log/containers/*.log. Container logs (CRI's format) are taken apart. What is not written to the output but should go
elsewhere is said once.
"""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

PERIOD = 1.0
"""Seconds between two looks."""
DEFAULT = ("/var/log/containers/*.log",)
BIT = "fluent-bit" in os.environ.get("MINIKCTL_IMAGE", "")
STDOUT = ("stdout", "null")


def read(path):
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        data = b""
        while part := os.read(fd, 65536):
            data += part
        return data.decode("utf-8", "replace")
    finally:
        os.close(fd)


def base():
    return os.environ.get("MINIKCTL_ROOT", "").rstrip("/")


def settings(text):
    """[(section, {key: value})]: `<source>` or `[INPUT]`, with the keys in lower case."""
    found = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split(None, 1)
        if not words:
            continue
        if words[0].startswith(("<", "[")) and not words[0].startswith("</"):
            found.append((words[0].strip("<>[]").lower(), {}))
        elif found and len(words) == 2:
            found[-1][1].setdefault(words[0].lower(), words[1].strip().strip("\"'"))
    return found


def configuration(argv):
    """(patterns, tag, outputs that are not here)."""
    given = [argv[i + 1] for i, word in enumerate(argv[:-1]) if word in ("-c", "--config")]
    given += os.environ.get("FLUENTD_ARGS", "").replace("-c ", "").split()
    places = given or ["/fluentd/etc/fluent.conf", "/etc/fluent/fluent.conf", "/fluent-bit/etc/fluent-bit.conf"]
    sections = [s for place in places for s in settings(read(base() + place) or read(place))]
    inputs = [s for name, s in sections if name in ("source", "input")]
    patterns = [p.strip() for s in inputs if "path" in s for p in s["path"].split(",")]
    tag = next((s["tag"] for s in inputs if "tag" in s), "kubernetes.*" if not BIT else "kube.*")
    outputs = [
        s.get("@type") or s.get("type") or s.get("name", "") for n, s in sections if n.split()[0] in ("match", "output")
    ]
    return patterns or list(DEFAULT), tag, [o for o in outputs if o and o.lower() not in STDOUT]


def matching(pattern):
    import fnmatch

    folder, _, name = pattern.rpartition("/")
    try:
        names = sorted(os.listdir(base() + folder))
    except OSError:
        return []
    return [f"{folder}/{n}" for n in names if fnmatch.fnmatchcase(n, name)]


def record(line):
    """A container's line, taken apart; any other as it is."""
    words = line.split(" ", 3)
    if len(words) == 4 and words[1] in ("stdout", "stderr") and words[2] in ("F", "P"):
        return {"stream": words[1], "log": words[3], "time": words[0]}
    return {"message" if not BIT else "log": line}


def shown(tag, path, line, count):
    import json

    name = tag.replace("*", path.strip("/").replace("/", ".")) if "*" in tag else tag
    now = time.time()
    text = json.dumps(record(line), ensure_ascii=False, separators=(",", ":") if not BIT else (", ", "=>"))
    if BIT:
        return f"[{count}] {name}: [{now:.9f}, {text}]"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f".{int(now * 1e9) % 10**9:09d} +0000 {name}: {text}"


class Follower:
    """Reads what is new in files, those that were renamed or cut included."""

    def __init__(self):
        self._seen = {}
        """path → (inode, offset, begun line)."""

    def look(self, path):
        real = base() + path
        try:
            found = os.stat(real)
        except OSError:
            return
        inode, offset, begun = self._seen.get(path, (found.st_ino, 0, b""))
        if inode != found.st_ino or found.st_size < offset:
            offset, begun = 0, b""
        if found.st_size > offset:
            fd = os.open(real, os.O_RDONLY)
            try:
                os.lseek(fd, offset, os.SEEK_SET)
                while part := os.read(fd, 65536):
                    offset += len(part)
                    *lines, begun = (begun + part).split(b"\n")
                    yield from (line.decode("utf-8", "replace") for line in lines)
            finally:
                os.close(fd)
        self._seen[path] = found.st_ino, offset, begun


def own(path):
    """Its own log: what it writes there would come back for ever."""
    return f"/{http.hostname()}_" in path or path.startswith("/proc/")


def main(argv):
    patterns, tag, elsewhere = configuration(argv)
    name = "Fluent Bit" if BIT else "fluentd"
    http.say(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} +0000 [info]: {name} worker is now running worker=0")
    if elsewhere:
        http.say(
            f"[warn]: this {name} is an emulation that writes to its output only, not to {', '.join(elsewhere)}", 2
        )
    http.on((2, 15), lambda: os._exit(0))
    follower, count = Follower(), 0
    while True:
        for path in [p for pattern in patterns for p in matching(pattern)]:
            if own(path):
                continue
            for line in follower.look(path):
                http.say(shown(tag, path, line, count))
                count += 1
        time.sleep(PERIOD)


main(sys.argv[1:])
