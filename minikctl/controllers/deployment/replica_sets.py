"""A Deployment's ReplicaSets: which is the new one, how many pods they stand for, in which order. Pure.

Source: Kubernetes `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import Obj, Objects, name, uid
from minikctl.controllers.deployment import revisions, template


def size(rs: Obj) -> int:
    """spec.replicas."""
    wanted = rs["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def count(rs: Obj, field: str) -> int:
    """A number of the status: replicas, readyReplicas, availableReplicas …"""
    return int(rs.get("status", {}).get(field) or 0)


def total_size(sets: Iterable[Obj]) -> int:
    return sum(size(rs) for rs in sets)


def total(sets: Iterable[Obj], field: str) -> int:
    return sum(count(rs, field) for rs in sets)


def active(sets: Iterable[Obj]) -> Objects:
    """Those that want any pods."""
    return [rs for rs in sets if size(rs) > 0]


def _created(rs: Obj) -> tuple[str, str]:
    return rs["metadata"].get("creationTimestamp") or "", name(rs)


def oldest_first(sets: Iterable[Obj]) -> Objects:
    return sorted(sets, key=_created)


def by_revision(sets: Iterable[Obj]) -> Objects:
    """The lowest revision first; those without a readable one by age."""
    return sorted(sets, key=lambda rs: (revisions.revision(rs) or 0, *_created(rs)))


def by_size(sets: Iterable[Obj], *, newer_first: bool) -> Objects:
    """The largest first; of the same size, the newer or the older first."""
    by_age = sorted(sets, key=_created, reverse=newer_first)
    return sorted(by_age, key=size, reverse=True)


def find_new(deployment: Obj, sets: Objects) -> Obj | None:
    """The ReplicaSet with the Deployment's current template; the oldest, should there be several."""
    wanted = deployment["spec"]["template"]
    return next((rs for rs in oldest_first(sets) if template.equal(rs["spec"]["template"], wanted)), None)


def all_but(sets: Objects, excluded: Obj | None) -> Objects:
    return [rs for rs in sets if excluded is None or uid(rs) != uid(excluded)]


def active_or_latest(new: Obj | None, old: Objects) -> Obj | None:
    """The only ReplicaSet with pods; the newest when there is none; None when several have pods."""
    candidates = active([*old, *([new] if new else [])])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        return None
    return new or (oldest_first(old)[-1] if old else None)
