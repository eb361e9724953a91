"""RollingUpdate: the new ReplicaSet up, the old ones down, within maxSurge and maxUnavailable.

Source: Kubernetes `pkg/controller/deployment/rolling.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api.meta import Obj, Objects
from minikctl.controllers.deployment import limits, progress
from minikctl.controllers.deployment.replica_sets import active, all_but, count, oldest_first, size, total_size

if TYPE_CHECKING:
    from minikctl.controllers.deployment.rollout import Rollout


def run(rollout: Rollout) -> float | None:
    """One step. Up comes before down; each step is reported, and the changes it causes lead to the next."""
    new = rollout.ensure_new()
    if rollout.scale(new, new_size(rollout.deployment, new, rollout.all)):
        return rollout.report()
    if rollout.scale_all(old_sizes(rollout.deployment, new, active(rollout.old))):
        return rollout.report()
    if progress.is_complete(rollout.deployment, rollout.deployment.get("status", {})):
        rollout.clean_up()
    return rollout.report()


def new_size(deployment: Obj, new: Obj, every: Objects) -> int:
    """How many pods the new ReplicaSet shall have now. every: all ReplicaSets, the new one included.

    An old ReplicaSet that was told to shrink counts with the pods that it still has: otherwise the new ones could
    exist before the old ones are gone, and for a moment there would be more than maxSurge allows.
    """
    wanted, present = limits.replicas(deployment), size(new)
    if present >= wanted or not limits.is_rolling(deployment):
        return wanted
    others = sum(max(size(rs), count(rs, "replicas")) for rs in all_but(every, new))
    room = wanted + limits.max_surge(deployment) - others - present
    return present + min(max(room, 0), wanted - present)


def old_sizes(deployment: Obj, new: Obj, old: Objects) -> list[tuple[Obj, int]]:
    """The old ReplicaSets that shall shrink, with their new sizes.

    First the pods that are not available (their loss costs nothing, and they could block the update for ever), then
    as many available ones as the new ReplicaSet already makes up for.
    """
    minimum = limits.replicas(deployment) - limits.max_unavailable(deployment)
    starting = size(new) - _available(new)
    most = total_size([*old, new]) - minimum - starting
    if most <= 0 or not total_size(old):
        return []
    sizes = [(rs, size(rs)) for rs in oldest_first(old)]
    sizes = _without_unhealthy(sizes, most)
    spare = sum(_available(rs) for rs in [*old, new]) - minimum
    sizes = _shrunk(sizes, spare)
    return [(rs, left) for rs, left in sizes if left != size(rs)]


def _available(rs: Obj) -> int:
    """Pods that are available and will be: the status can be older than the size."""
    return min(count(rs, "availableReplicas"), size(rs))


def _without_unhealthy(sizes: list[tuple[Obj, int]], most: int) -> list[tuple[Obj, int]]:
    out = []
    for rs, present in sizes:
        cut = max(min(most, present - _available(rs)), 0)
        most -= cut
        out.append((rs, present - cut))
    return out


def _shrunk(sizes: list[tuple[Obj, int]], spare: int) -> list[tuple[Obj, int]]:
    out = []
    for rs, present in sizes:
        cut = max(min(spare, present), 0)
        spare -= cut
        out.append((rs, present - cut))
    return out
