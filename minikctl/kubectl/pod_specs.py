"""Where the pod spec of a workload is, and which of its containers a name or pattern means.

Source: kubectl `polymorphichelpers/updatepodspec.go`, `cmd/set/helper.go`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.util.errors import UsageError

_TEMPLATE = ("spec", "template", "spec")
_PATHS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec",),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", *_TEMPLATE),
}


def pod_spec(obj: Obj, kind: Kind) -> Obj:
    """The pod spec inside an object of the caller's own, made where it is missing. Raises UsageError."""
    path = _PATHS.get((kind.group, kind.kind))
    if path is None:
        raise UsageError(f"the object is not a pod or does not have a pod template: *{kind.version}.{kind.kind}")
    spec: Any = obj
    for step in path:
        spec[step] = spec.get(step) or {}
        spec = spec[step]
    found: Obj = spec
    return found


def containers(spec: Obj, pattern: str) -> list[Obj]:
    """The containers and then the init containers whose names fit."""
    every = (spec.get("containers") or []) + (spec.get("initContainers") or [])
    return [c for c in every if fits(c.get("name", ""), pattern)]


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern with `*`, as kubectl reads it: each part is searched once, from the left."""
    if pattern == "*":
        return True
    if "*" not in pattern:
        return name == pattern
    parts, position = pattern.split("*"), 0
    for i, part in enumerate(parts):
        if not part:
            continue
        at = name[position:].find(part)
        is_last = i == len(parts) - 1
        if at < position or (i == 0 and position) or (is_last and len(name) != len(part) + at):
            return False
        position = at
    return True
