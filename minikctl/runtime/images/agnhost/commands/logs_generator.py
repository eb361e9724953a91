"""Lines that can be told apart, evenly over a time: `--log-lines-total N --run-duration 10s`."""

import os
import random
import time

import _server as http
from common import BOTH, flags, klog, seconds

VERBS, NAMESPACES = ("GET", "POST", "PUT"), ("kube-system", "default", "ns")
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def line(number):
    name = "".join(random.choice(LETTERS) for _ in range(random.randrange(3, 5)))
    path = f"/api/v1/namespaces/{random.choice(NAMESPACES)}/pods/{name}"
    return f"{number} {random.choice(VERBS)} {path} {random.randrange(200, 600)}"


def main(words):
    given, _ = flags(words, {"t": "log-lines-total", "d": "run-duration"})
    total = int(given.get("log-lines-total", "0"))
    try:
        duration = seconds(given.get("run-duration", "0"))
    except ValueError as e:
        http.fail(f'Error: invalid argument "{e}" for "-d, --run-duration" flag: time: invalid duration "{e}"')
    if total <= 0 or duration <= 0:
        what = f"total number of lines: {total}" if total <= 0 else f"duration: {duration:g}s"
        klog(f"Invalid {what}", "logs_generator.go:67", "F")
        os._exit(255)
    http.on(BOTH, lambda: os._exit(2))
    due = time.monotonic()
    for number in range(total):
        klog(line(number), "logs_generator.go:76")
        due += duration / total
        time.sleep(max(0.0, due - time.monotonic()))
