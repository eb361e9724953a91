"""Which control groups this process may make, found out by making one and putting a process into it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from minikctl.runtime.interface import Resources
from minikctl.runtime.limits.cgroups import CONTROLLERS, JOINING, Hierarchy, delegate, remove_group, settings

OFF = "MINIKCTL_CGROUPS"
"""`off`: do as if there were none."""
_JOIN = 'for f in "$@"; do echo 0 >"$f" || exit 1; done'


def usable() -> Hierarchy | None:
    """The groups to use; None when there are none that work."""
    return None if os.environ.get(OFF) == "off" else _usable(os.geteuid())


@cache
def _usable(_user: int) -> Hierarchy | None:
    return next((h for h in mounted() if works(h)), None)


def mounted() -> list[Hierarchy]:
    """What may be tried, the best first."""
    try:
        mounts, own = Path("/proc/self/mounts").read_text(), Path("/proc/self/cgroup").read_text()
    except OSError:
        return []
    return [*_version_2(mounts, own), *_version_1(mounts)]


def _version_2(mounts: str, own: str) -> Iterator[Hierarchy]:
    """From the top down to where we are: whoever may use the upper ones should, as those who stop us are below."""
    top = next((f[1] for line in mounts.splitlines() if len(f := line.split()) > 2 and f[2] == "cgroup2"), "")
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), "")
    if not top or not path:
        return
    place = Path(top)
    for part in ("", *path.strip("/").split("/")):
        place = place / part
        try:
            known = set((place / "cgroup.controllers").read_text().split())
        except OSError:
            return
        if set(CONTROLLERS) <= known and os.access(place, os.W_OK):
            yield Hierarchy(2, dict.fromkeys(CONTROLLERS, place))


def _version_1(mounts: str) -> Iterator[Hierarchy]:
    roots = {}
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[2] == "cgroup" and os.access(fields[1], os.W_OK):
            roots |= {c: Path(fields[1]) for c in CONTROLLERS if c in fields[3].split(",")}
    if set(roots) == set(CONTROLLERS) and len(set(roots.values())) == len(CONTROLLERS):
        yield Hierarchy(1, roots)


_PROBE = "minikctl-probe-"


def works(hierarchy: Hierarchy) -> bool:
    """Whether a group can be made, limited and joined."""
    name = f"{_PROBE}{os.getpid()}"
    for left in (group for root in hierarchy.folders for group in root.glob(f"{_PROBE}*")):
        if not os.path.exists(f"/proc/{left.name.removeprefix(_PROBE)}"):  # killed in the middle
            with suppress(OSError):
                left.rmdir()
    try:
        for root in hierarchy.folders:
            if hierarchy.version == 2:
                delegate(root)
            (root / name).mkdir(exist_ok=True)
        limited = Resources(cpu_request=100, cpu_limit=1000, memory_limit=1 << 28, pids_limit=100)
        for controller, file, content in settings(hierarchy.version, limited):
            path = hierarchy.roots[controller] / name / file
            if path.exists() or controller not in file:
                path.write_text(content)
        procs = [str(root / name / JOINING[hierarchy.version]) for root in hierarchy.folders]
        done = subprocess.run(["/bin/sh", "-c", _JOIN, "sh", *procs], capture_output=True, timeout=10, check=False)
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        for root in hierarchy.folders:
            with suppress(OSError):
                remove_group(root / name)
