"""Running all containers of a pod again, where a rule of one of them says so. Pure.

It goes by what the runtime has of the pod, so that an agent that was killed on the way goes on with it: runs that are
older than the exit that asked for it count no longer. Those that still go are killed at once, without their hooks; then
the pod starts from its first init container, in the sandbox and with the volumes that it has.

Source: KEP-5532 (restart all containers on container exits).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from minikctl.api.meta import Obj
from minikctl.api.restart_rules import RESTART_ALL, action, may_restart_all
from minikctl.runtime.interface import EXITED, ContainerStatus, PodState

CONDITION = "AllContainersRestarting"


def _specs(pod: Obj) -> dict[str, Obj]:
    """All but ephemeral containers, which are never run again."""
    spec = pod["spec"]
    return {c["name"]: c for c in [*(spec.get("initContainers") or []), *spec["containers"]]}


def since(pod: Obj, state: PodState) -> datetime | None:
    """When a container last ended in a way after which all are to run again."""
    specs = _specs(pod)
    asking = [n for n, spec in specs.items() if may_restart_all(spec)]
    runs = [c for c in state.containers if c.name in asking and c.state == EXITED and c.started_at is not None]
    found = [c.finished_at for c in runs if c.finished_at and action(specs[c.name], c.exit_code) == RESTART_ALL]
    return max(found, default=None)


def outdated(pod: Obj, state: PodState) -> list[ContainerStatus]:
    """The runs that count no longer."""
    begun, specs = since(pod, state), _specs(pod)
    return [c for c in state.containers if begun is not None and c.created_at <= begun and c.name in specs]


def without_outdated(pod: Obj, state: PodState) -> PodState:
    old = {c.id for c in outdated(pod, state)}
    return replace(state, containers=tuple(c for c in state.containers if c.id not in old)) if old else state


def is_underway(pod: Obj, state: PodState) -> bool:
    """Whether there are containers that have yet to run again."""
    old = {c.name for c in outdated(pod, state)}
    return bool(old - {c.name for c in without_outdated(pod, state).containers})


def is_stopping(pod: Obj, state: PodState) -> bool:
    """Whether all is to run again, and nothing does yet."""
    old = outdated(pod, state)
    return bool(old) and not any(c.name in _specs(pod) for c in without_outdated(pod, state).containers)
