"""Small network programs for base images whose host lacks them: `PROGRAMS` are those that this machine does not have.

Each is a script for `python -I -S` that answers as the usual program does, with its most used flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import which

from minikctl.runtime.images import Program

NAMES = ("nslookup", "dig", "host", "nc", "wget", "ping")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def programs(names: Iterable[str] = NAMES, *, always: Iterable[str] = ()) -> Mapping[str, Program]:
    """Path in the container → the applet, for programs that the host lacks; `always`: those that are ours anyway."""
    wanted = [n for n in names if n in tuple(always) or which(n, path=_PATH) is None]
    return {f"/usr/bin/{name}": Program(script=Path(__file__).with_name(f"{name}.py")) for name in wanted}
