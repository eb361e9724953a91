"""Limits of what containers may use: by control groups where the kernel lets us have some, else by watching.

`cgroups` knows the kernel's files (both versions), `probe` finds out whether they work here, `watching` is the
fallback. `find` chooses. Source: Kubernetes concept "Resource Management for Pods and Containers".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from minikctl.runtime.interface import Resources

ShimOf = Callable[[], int | None]
"""The pid of the process that all of a container's processes descend from; None before it runs."""


class Limiter(Protocol):
    """Enforces limits for the containers of one node. Methods may be called from any thread; `pod` is a uid.

    What is not known is no error: everything may be repeated.
    """

    def limitations(self) -> Sequence[str]:
        """What is not enforced, in words for the Node's conditions."""
        ...

    def start(self, pods: Sequence[str]) -> None:
        """Begin. What there is of pods other than these is left over from a crash, and goes."""
        ...

    def stop(self) -> None:
        """Let go; limits that the kernel enforces stay."""
        ...

    def add_pod(self, pod: str, resources: Resources) -> None: ...

    def remove_pod(self, pod: str) -> None: ...

    def add(self, pod: str, container: str, resources: Resources, shim: ShimOf) -> Sequence[Path]:
        """Before the container starts (or is adopted). The files into which each of its processes that we start has
        to write a `0` before it becomes the container's. Raises OSError."""
        ...

    def seen(self, pod: str, container: str) -> Sequence[tuple[str, str]]:
        """(folder of the host's, path in the container): where a container finds what limits it. The folders are there
        once it has been added."""
        ...

    def update(self, pod: str, container: str, resources: Resources) -> None:
        """Other limits for a running container. Raises OSError."""
        ...

    def ran_out_of_memory(self, pod: str, container: str) -> bool:
        """Whether one of its processes was killed for its use of memory."""
        ...

    def remove(self, pod: str, container: str) -> bool:
        """It has ended, and this has been noted. False when some of its processes are still dying: try again."""
        ...


def find(state_dir: Path, node: str) -> Limiter:
    """The best that works here. Takes a few milliseconds."""
    from minikctl.runtime.limits import probe

    hierarchy = probe.usable()
    if hierarchy is not None:
        from minikctl.runtime.limits.cgroups import CgroupLimits

        return CgroupLimits(hierarchy, state_dir, node)
    from minikctl.runtime.limits.watching import WatchedLimits

    return WatchedLimits()


def clean(state_dir: Path, node: str = "") -> None:
    """Take away what is left of a cluster's (or one node's) control groups, once nothing runs in them any more."""
    from minikctl.runtime.limits import cgroups, probe

    for hierarchy in probe.mounted():
        cgroups.clean(hierarchy, state_dir, node)
