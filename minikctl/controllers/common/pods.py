"""What state a pod is in, as controllers see it. Pure functions on a pod.

Source: Kubernetes `pkg/api/v1/pod/util.go` and `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, condition, is_deleting


def phase(pod: Obj) -> str:
    return str(pod.get("status", {}).get("phase") or "")


def is_terminal(pod: Obj) -> bool:
    """True when all containers have ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """True for a pod that counts as a replica: not ended, not being deleted."""
    return not is_deleting(pod) and not is_terminal(pod)


def is_terminating(pod: Obj) -> bool:
    """True while a pod that still runs is being deleted."""
    return is_deleting(pod) and not is_terminal(pod)


def is_ready(pod: Obj) -> bool:
    found = condition(pod, "Ready")
    return found is not None and found.get("status") == "True"


def ready_since(pod: Obj) -> datetime | None:
    """When a ready pod became ready; None for a pod that is not, or does not say."""
    found = condition(pod, "Ready")
    if found is None or found.get("status") != "True" or not found.get("lastTransitionTime"):
        return None
    return parse_time(found["lastTransitionTime"])


def available_in(pod: Obj, min_ready_seconds: int, now: datetime) -> float | None:
    """Seconds until a ready pod counts as available: 0 when it does, None when it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_seconds <= 0:
        return 0.0
    since = ready_since(pod)
    if since is None:
        return None
    return max(0.0, (since + timedelta(seconds=min_ready_seconds) - now).total_seconds())


def addresses(pod: Obj) -> list[str]:
    """All addresses of a pod, the primary one first."""
    status = pod.get("status", {})
    listed = [entry["ip"] for entry in status.get("podIPs") or [] if entry.get("ip")]
    return listed or ([status["podIP"]] if status.get("podIP") else [])


def max_restarts(pod: Obj) -> tuple[int, int]:
    """The highest restart count among containers, and among sidecars (init containers that restart always)."""
    status = pod.get("status", {})
    regular = [int(s.get("restartCount") or 0) for s in status.get("containerStatuses") or []]
    sidecars = {
        c["name"] for c in pod.get("spec", {}).get("initContainers") or [] if c.get("restartPolicy") == "Always"
    }
    restarted = [
        int(s.get("restartCount") or 0) for s in status.get("initContainerStatuses") or [] if s.get("name") in sidecars
    ]
    return max(regular, default=0), max(restarted, default=0)


def active(pods: Objects) -> Objects:
    return [p for p in pods if is_active(p)]
