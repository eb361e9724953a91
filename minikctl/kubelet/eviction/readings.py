"""What the machine under a node has left, by signal."""

from __future__ import annotations

import os
from pathlib import Path

from minikctl.kubelet.eviction.decisions import Reading


def read(folder: Path) -> dict[str, Reading]:
    """memory.available, nodefs.*, imagefs.* (of the file system of `folder`), pid.available; what cannot be read is
    left out."""
    found: dict[str, Reading] = {}
    memory = _memory()
    if memory is not None:
        found["memory.available"] = memory
    try:
        disk = os.statvfs(folder)
    except OSError:
        pass
    else:
        space = Reading(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
        found |= {"nodefs.available": space, "imagefs.available": space}
        if disk.f_files:
            inodes = Reading(disk.f_favail, disk.f_files)
            found |= {"nodefs.inodesFree": inodes, "imagefs.inodesFree": inodes}
    processes = _processes()
    if processes is not None:
        found["pid.available"] = processes
    return found


def _memory() -> Reading | None:
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        available, total = (int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError, IndexError):
        return None
    return Reading(available, total)


def _processes() -> Reading | None:
    """Threads count as the kernel counts them against its maximum."""
    try:
        most = min(int(Path(f"/proc/sys/kernel/{name}").read_text()) for name in ("pid_max", "threads-max"))
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return None
    return Reading(max(most - running, 0), most)
