"""Limits by Linux control groups, version 1 and version 2.

Layout, in every hierarchy that is used: `minikctl-<hash of the state directory>/<node>/pod<uid>/<container id>`. The
number of processes is limited for a pod as a whole, everything else for each container too.

Source: Linux `admin-guide/cgroup-v1`, `admin-guide/cgroup-v2`; kubelet `cm/helpers_linux.go` (shares, quota),
KEP-2254 (shares as weights).
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minikctl.runtime.interface import Resources
from minikctl.runtime.limits import ShimOf

MEMORY, CPU, PIDS = "memory", "cpu", "pids"
CONTROLLERS = (MEMORY, CPU, PIDS)
SEEN = "/sys/fs/cgroup"
"""Where programs look for the limits of the container that they are in."""
PERIOD = 100_000
"""Microseconds in which a CPU quota is counted."""
LEAST_SHARES, LEAST_QUOTA = 2, 1000
_ROUNDS = 100
TOGETHER = "memory.oom.group"
"""Version 2: who runs out of memory ends as a whole. For containers, not for their pods."""

JOINING = {1: "tasks", 2: "cgroup.procs"}
"""Where a process with one thread writes "0" to join. A thread that moves itself holds up nobody; for a whole process
the kernel waits until every processor has noticed, which takes up to tens of milliseconds."""

Write = tuple[str, str, str]
"""(controller, file, content)."""


@dataclass(frozen=True)
class Hierarchy:
    """Where our groups go: a folder for each controller. In version 2 it is the same one for all."""

    version: int
    roots: Mapping[str, Path]

    @property
    def folders(self) -> list[Path]:
        return list(dict.fromkeys(self.roots.values()))


# ---------------------------------------------------------------------- what is written


def shares(milli: int) -> int:
    """CPU shares for a request in thousandths of a core. No request: the least."""
    return max(LEAST_SHARES, milli * 1024 // 1000)


def weight(of_shares: int) -> int:
    """Version 2's weight for shares (2 to 262144 become 1 to 10000)."""
    return 1 + (min(max(of_shares, LEAST_SHARES), 262144) - 2) * 9999 // 262142


def quota(milli: int) -> int:
    """Microseconds of CPU in each period; -1 without a limit."""
    return max(milli * PERIOD // 1000, LEAST_QUOTA) if milli else -1


def settings(version: int, resources: Resources) -> list[Write]:
    """The files of a group that say what its processes may use; `max` or -1 where there is no limit. Pure."""
    memory, limit = resources.memory_limit, quota(resources.cpu_limit)
    if version == 1:
        return [
            (CPU, "cpu.shares", str(shares(resources.cpu_request))),
            (CPU, "cpu.cfs_period_us", str(PERIOD)),
            (CPU, "cpu.cfs_quota_us", str(limit)),
            (MEMORY, "memory.limit_in_bytes", str(memory or -1)),
            (MEMORY, "memory.memsw.limit_in_bytes", str(memory or -1)),
            *([(PIDS, "pids.max", str(resources.pids_limit))] if resources.pids_limit else []),
        ]
    return [
        (CPU, "cpu.weight", str(weight(shares(resources.cpu_request)))),
        (CPU, "cpu.max", f"{limit if limit > 0 else 'max'} {PERIOD}"),
        (MEMORY, "memory.max", str(memory or "max")),
        (MEMORY, "memory.swap.max", "0" if memory else "max"),
        (MEMORY, TOGETHER, "1"),
        *([(PIDS, "pids.max", str(resources.pids_limit))] if resources.pids_limit else []),
    ]


_OPTIONAL = frozenset({"memory.memsw.limit_in_bytes", "memory.swap.max", TOGETHER})
"""Files that not every kernel has."""


def counted(text: str) -> int:
    """How many processes `memory.events` or `memory.oom_control` says were killed. Pure."""
    for line in text.splitlines():
        word, _, number = line.partition(" ")
        if word == "oom_kill" and number.strip().isdigit():
            return int(number)
    return 0


# ---------------------------------------------------------------------- the limiter


def cluster_group(state_dir: Path) -> str:
    """The name of a cluster's group: as good as surely its own on this machine."""
    return "minikctl-" + hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]


class CgroupLimits:
    """See `Limiter`."""

    def __init__(self, hierarchy: Hierarchy, state_dir: Path, node: str):
        self._hierarchy = hierarchy
        self._cluster, self._node = cluster_group(state_dir), node

    def limitations(self) -> Sequence[str]:
        return ()

    def start(self, pods: Sequence[str]) -> None:
        known = {f"pod{uid}" for uid in pods}
        for root in self._hierarchy.folders:
            for group in _below(root / self._cluster / self._node):
                if group.name not in known:
                    remove_group(group)

    def stop(self) -> None:
        return None

    def add_pod(self, pod: str, resources: Resources) -> None:
        cores = os.cpu_count() or 1
        for controller, root in self._hierarchy.roots.items():
            for depth in ((), (self._cluster,), (self._cluster, self._node)):
                self._make(root.joinpath(*depth), hand_on=True)
            if controller == CPU:
                ours = Resources(cpu_request=1000 * cores)
                self._write(f"{self._cluster}", [w for w in settings(self._hierarchy.version, ours) if w[0] == CPU][:1])
            self._make(root / self._cluster / self._node / f"pod{pod}", hand_on=True)
        whole = [w for w in settings(self._hierarchy.version, resources) if w[1] != TOGETHER]
        self._write(self._place(pod), whole)

    def remove_pod(self, pod: str) -> None:
        for root in self._hierarchy.folders:
            remove_group(root / self._place(pod))

    def add(self, pod: str, container: str, resources: Resources, shim: ShimOf) -> Sequence[Path]:
        # Who was killed while making or removing a pod's groups leaves them in some of the hierarchies only.
        if not all((root / self._place(pod)).is_dir() for root in self._hierarchy.folders):
            self.add_pod(pod, Resources())
        places = self._places(pod, container)
        for controller, root in self._hierarchy.roots.items():
            self._make(root / places[controller])
        self.update(pod, container, resources)
        joining = JOINING[self._hierarchy.version]
        return list(dict.fromkeys(root / places[c] / joining for c, root in self._hierarchy.roots.items()))

    def seen(self, pod: str, container: str) -> Sequence[tuple[str, str]]:
        places, one = self._places(pod, container), self._hierarchy.version == 2
        found = {str(root / places[c]): SEEN if one else f"{SEEN}/{c}" for c, root in self._hierarchy.roots.items()}
        return list(found.items())

    def update(self, pod: str, container: str, resources: Resources) -> None:
        self._write(self._place(pod, container), settings(self._hierarchy.version, resources))

    def ran_out_of_memory(self, pod: str, container: str) -> bool:
        name = "memory.events" if self._hierarchy.version == 2 else "memory.oom_control"
        try:
            return counted((self._hierarchy.roots[MEMORY] / self._place(pod, container) / name).read_text()) > 0
        except OSError:
            return False

    def remove(self, pod: str, container: str) -> bool:
        gone = [remove_group(root / self._place(pod, container), 1) for root in self._hierarchy.folders]
        return all(gone)

    # ------------------------------------------------------------------ parts

    def _places(self, pod: str, container: str) -> dict[str, str]:
        """The group of each controller. Processes are counted for the pod, where that is a group of its own."""
        one = self._hierarchy.version == 2
        return {c: self._place(pod, container) if one or c != PIDS else self._place(pod) for c in CONTROLLERS}

    def _place(self, pod: str, container: str = "") -> str:
        return f"{self._cluster}/{self._node}/pod{pod}" + (f"/{container}" if container else "")

    def _make(self, group: Path, *, hand_on: bool = False) -> None:
        """`hand_on`: the groups below get the controllers too, which version 2 wants to be told."""
        with suppress(FileExistsError):
            group.mkdir()
            group.chmod(0o755)  # whoever runs in it may look, whatever our own mask
        if hand_on and self._hierarchy.version == 2:
            delegate(group)

    def _write(self, place: str, writes: Sequence[Write]) -> None:
        """Raises OSError."""
        late: list[Write] = []
        for controller, name, content in writes:
            path = self._hierarchy.roots[controller] / place / name
            try:
                path.write_text(content)
            except OSError:
                if name in _OPTIONAL and not path.exists():
                    continue
                if name != "memory.limit_in_bytes":
                    raise
                late.append((controller, name, content))  # more than memory and swap together may have till now
        for controller, name, content in late:
            (self._hierarchy.roots[controller] / place / name).write_text(content)


def delegate(group: Path) -> None:
    """Version 2: have the groups below this one know the controllers. Raises OSError."""
    control = group / "cgroup.subtree_control"
    missing = set(CONTROLLERS) - set(control.read_text().split())
    if missing:
        control.write_text(" ".join(f"+{c}" for c in sorted(missing)))


def _below(group: Path) -> list[Path]:
    try:
        return [p for p in group.iterdir() if p.is_dir()]
    except OSError:
        return []


def remove_group(group: Path, rounds: int = _ROUNDS) -> bool:
    """Kill what is still in a group and below, and take it away; False when that takes longer."""
    for child in _below(group):
        remove_group(child, rounds)
    for i in range(rounds):
        try:
            group.rmdir()
            return True
        except FileNotFoundError:
            return True
        except OSError:
            _kill(group)
            if i < rounds - 1:
                time.sleep(0.001 * min(i + 1, 20))
    return False


def _kill(group: Path) -> None:
    with suppress(OSError):
        for word in (group / "cgroup.procs").read_text().split():
            if word != "0" and int(word) != os.getpid():
                with suppress(OSError):
                    os.kill(int(word), signal.SIGKILL)


def clean(hierarchy: Hierarchy, state_dir: Path, node: str = "") -> None:
    """Remove a cluster's groups, or those of one node."""
    for root in hierarchy.folders:
        group = root / cluster_group(state_dir)
        if node:
            remove_group(group / node)
            with suppress(OSError):
                group.rmdir()
        elif group.is_dir():
            remove_group(group)
