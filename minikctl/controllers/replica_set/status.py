"""The status of a ReplicaSet, from its pods. Pure. Source: Kubernetes `pkg/controller/replicaset/replica_set_utils.go`."""

from __future__ import annotations

from datetime import datetime

from minikctl.api.meta import Obj, Objects, generation, labels_of, timestamp
from minikctl.api.selectors import from_labels
from minikctl.controllers.common import pods

REPLICA_FAILURE = "ReplicaFailure"


def replicas_wanted(owner: Obj) -> int:
    """spec.replicas; 1 when it is not set."""
    wanted = owner.get("spec", {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def calculate(owner: Obj, active: Objects, terminating: int | None, failure: str, now: datetime) -> Obj:
    """The new status.

    active: pods that count; terminating: how many more are being deleted, None for kinds without that field;
    failure: why pods could not be created or deleted, "" when that went well.
    """
    template = from_labels(owner["spec"].get("template", {}).get("metadata", {}).get("labels"))
    min_ready = int(owner["spec"].get("minReadySeconds") or 0)
    waits = [pods.available_in(p, min_ready, now) for p in active]
    counts = {
        "fullyLabeledReplicas": sum(template.matches(labels_of(p)) for p in active),
        "readyReplicas": sum(pods.is_ready(p) for p in active),
        "availableReplicas": sum(w == 0 for w in waits),
    }
    status: Obj = {"replicas": len(active), **{k: n for k, n in counts.items() if n}}
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    status["observedGeneration"] = generation(owner)
    conditions = _conditions(owner, len(active), failure, now)
    if conditions:
        status["conditions"] = conditions
    return status


def _conditions(owner: Obj, present: int, failure: str, now: datetime) -> Objects:
    known = owner.get("status", {}).get("conditions") or []
    others = [c for c in known if c.get("type") != REPLICA_FAILURE]
    if not failure:
        return others
    if len(others) != len(known):
        return known  # the first failure stays until all is well
    difference = present - replicas_wanted(owner)
    reason = "FailedCreate" if difference < 0 else "FailedDelete" if difference > 0 else ""
    condition = {
        "type": REPLICA_FAILURE,
        "status": "True",
        "lastTransitionTime": timestamp(now),
        "reason": reason,
        "message": failure,
    }
    return [*others, {k: v for k, v in condition.items() if v}]


def next_check(owner: Obj, active: Objects, now: datetime) -> float | None:
    """Seconds until the next ready pod becomes available by the passing of time alone."""
    min_ready = int(owner["spec"].get("minReadySeconds") or 0)
    if not min_ready:
        return None
    waits = [w for w in (pods.available_in(p, min_ready, now) for p in active) if w]
    return min(waits, default=None)
