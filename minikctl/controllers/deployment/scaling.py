"""Scaling a Deployment that is being rolled out: every ReplicaSet gets its share.

Putting all new pods into the new ReplicaSet would hasten a rollout whose template may be bad; taking all from the old
ones likewise. Source: Kubernetes `pkg/controller/deployment/sync.go` (scale) and concept "Proportional scaling".
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

from minikctl.api.meta import Obj, Objects
from minikctl.controllers.deployment import limits, replica_sets, revisions
from minikctl.controllers.deployment.replica_sets import active, count, size, total_size

if TYPE_CHECKING:
    from minikctl.controllers.deployment.rollout import Rollout


def run(rollout: Rollout) -> float | None:
    """Follow a changed spec.replicas, or stand still while paused."""
    rollout.scale_all(sizes(rollout.deployment, rollout.new, rollout.old), annotate=True)
    if limits.is_paused(rollout.deployment):
        rollout.clean_up()
    return rollout.report_counts()


def is_scaling_event(deployment: Obj, every: Objects) -> bool:
    """Whether spec.replicas has changed since a ReplicaSet was last sized."""
    wanted = limits.replicas(deployment)
    return any(revisions.number(rs, revisions.DESIRED_REPLICAS) not in (None, wanted) for rs in active(every))


def sizes(deployment: Obj, new: Obj | None, old: Objects) -> list[tuple[Obj, int]]:
    """What size each ReplicaSet concerned shall have."""
    wanted = limits.replicas(deployment)
    only = replica_sets.active_or_latest(new, old)
    if only is not None:
        return [(only, wanted)]
    if new is not None and is_saturated(deployment, new):
        return [(rs, 0) for rs in active(old)]
    if not limits.is_rolling(deployment):
        return []
    return proportional(deployment, active([*old, *([new] if new else [])]))


def is_saturated(deployment: Obj, new: Obj) -> bool:
    """Whether the new ReplicaSet alone does all that is asked."""
    wanted = limits.replicas(deployment)
    desired = revisions.number(new, revisions.DESIRED_REPLICAS)
    return size(new) == wanted == desired == count(new, "availableReplicas")


def proportional(deployment: Obj, sets: Objects) -> list[tuple[Obj, int]]:
    """The total grows or shrinks to spec.replicas + maxSurge, by shares; what rounding leaves goes to the largest."""
    wanted = limits.replicas(deployment)
    allowed = wanted + limits.max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - total_size(sets)
    ordered = replica_sets.by_size(sets, newer_first=to_add > 0) if to_add else sets
    added, out = 0, []
    for rs in ordered:
        share = _share(deployment, rs, to_add, added)
        added += share
        out.append((rs, size(rs) + share))
    if to_add and out:
        largest, with_share = out[0]
        out[0] = (largest, max(with_share + to_add - added, 0))
    return out


def _share(deployment: Obj, rs: Obj, to_add: int, added: int) -> int:
    """How many of `to_add` pods go to (or, negative, leave) this ReplicaSet when `added` are given away already."""
    left = to_add - added
    if size(rs) == 0 or to_add == 0 or left == 0:
        return 0
    fraction = _fraction(deployment, rs)
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _fraction(deployment: Obj, rs: Obj) -> int:
    wanted = limits.replicas(deployment)
    if wanted == 0:
        return -size(rs)
    before = revisions.number(rs, revisions.MAX_REPLICAS) or count(deployment, "replicas")
    if not before:
        return 0
    after = wanted + limits.max_surge(deployment)
    return floor(size(rs) * after / before + 0.5) - size(rs)
