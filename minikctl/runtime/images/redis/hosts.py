"""The machine's own programs, not those that stand for them in a container."""

import os

FOLDERS = ("/usr/bin", "/usr/sbin", "/opt/redis/bin", "/opt/homebrew/bin", "/usr/local/bin")


def find(name):
    for folder in FOLDERS:
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and not _ours(path):
            return path
    return ""


def _ours(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, 10).startswith(b"#!/bin/sh")
    finally:
        os.close(fd)
