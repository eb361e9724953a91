"""What a Deployment's spec says in numbers: replicas, surge, unavailability, deadlines. Pure."""

from __future__ import annotations

from minikctl.api.intstr import scaled
from minikctl.api.meta import Obj

DEFAULT_SHARE = "25%"
NO_LIMIT = 2**31 - 1
"""progressDeadlineSeconds and revisionHistoryLimit: this value means none."""


def replicas(deployment: Obj) -> int:
    wanted = deployment["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def is_rolling(deployment: Obj) -> bool:
    return (deployment["spec"].get("strategy", {}).get("type") or "RollingUpdate") == "RollingUpdate"


def is_paused(deployment: Obj) -> bool:
    return bool(deployment["spec"].get("paused"))


def min_ready_seconds(deployment: Obj) -> int:
    return int(deployment["spec"].get("minReadySeconds") or 0)


def fenceposts(deployment: Obj) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods: the one rounded up, the other down; (0, 1) when both come out as 0."""
    update = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
    total = replicas(deployment)
    surge = scaled(update.get("maxSurge", DEFAULT_SHARE), total, round_up=True)
    unavailable = scaled(update.get("maxUnavailable", DEFAULT_SHARE), total, round_up=False)
    return (0, 1) if surge == 0 and unavailable == 0 else (surge, unavailable)


def max_surge(deployment: Obj) -> int:
    """How many pods may exist beyond spec.replicas during an update."""
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Obj) -> int:
    """How many of spec.replicas may be missing during an update."""
    if not is_rolling(deployment) or replicas(deployment) == 0:
        return 0
    return min(fenceposts(deployment)[1], replicas(deployment))


def progress_deadline(deployment: Obj) -> int | None:
    """Seconds without progress after which a rollout counts as stuck; None when nobody asks."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds == NO_LIMIT else int(seconds)


def history_limit(deployment: Obj) -> int | None:
    """How many old ReplicaSets are kept; None for all."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    return None if limit is None or limit == NO_LIMIT else int(limit)
