"""Small programs for base images whose host lacks them, or has others under their names.

Each is a script for `python -I -S` that answers as the usual program does, with its most used flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import which

from minikctl.runtime.images import Program

NAMES = ("nslookup", "dig", "host", "nc", "wget", "ping")
OF_BUSYBOX = ("nslookup", "adduser", "addgroup")
"""What answers in busybox' way, whatever the host has under that name."""
_PLACES = {"adduser": "/usr/sbin/adduser", "addgroup": "/usr/sbin/addgroup"}
"""Where the host has its own: they would be found before ours otherwise."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def programs(names: Iterable[str] = NAMES, *, always: Iterable[str] = ()) -> Mapping[str, Program]:
    """Path in the container → the applet, for programs that the host lacks; `always`: those that are ours anyway."""
    wanted = {*always, *(n for n in names if which(n, path=_PATH) is None)}
    return {_PLACES.get(name, f"/usr/bin/{name}"): _applet(name) for name in sorted(wanted)}


def packages(*managers: str) -> Mapping[str, Program]:
    """`apk` and `apt-get`, which say what an emulated image can have."""
    places = {"apk": {"/usr/sbin/apk": "apk"}, "apt-get": {"/usr/bin/apt-get": "apt_get", "/usr/bin/apt": "apt_get"}}
    return {place: _applet(name) for manager in managers for place, name in places[manager].items()}


def _applet(name: str) -> Program:
    return Program(script=Path(__file__).with_name(f"{name}.py"))
