"""The files of the machine, as they were and as they are: what a test may not change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

TREES = ("/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/srv", "/usr", "/var/lib", "/var/spool", "/var/www")
OF_OTHERS = ("/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd")
"""Where somebody else may write meanwhile; interpreters write their caches, too."""
DEEPEST = 4
About = tuple[int, ...]


def snapshot() -> dict[str, About]:
    """Every file with its mode, owner, links, size and times; of folders not the times. What cannot be read
    is left out, and what is very deep."""
    found: dict[str, About] = {}
    waiting = ["/", *TREES]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.name == "__pycache__" or entry.path in OF_OTHERS:
                continue
            rights = (about.st_mode, about.st_uid, about.st_gid)
            if entry.is_dir(follow_symlinks=False):
                found[entry.path] = rights
                if folder != "/" and entry.path.count("/") < DEEPEST:
                    waiting.append(entry.path)
            else:
                times = (about.st_mtime_ns, about.st_ctime_ns)
                found[entry.path] = (*rights, about.st_nlink, about.st_size, *times)
    return found


@contextmanager
def untouched() -> Iterator[None]:
    """Asserts that what runs inside leaves all of it as it is."""
    before = snapshot()
    yield
    changed = sorted(p for p, _ in before.items() ^ snapshot().items())
    assert not changed, f"changed: {changed[:20]}"
