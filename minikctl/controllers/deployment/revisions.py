"""The annotations by which a Deployment keeps its history on its ReplicaSets. Pure.

Source: Kubernetes `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

from minikctl.api.meta import LAST_APPLIED, Obj, Objects, annotations_of, with_metadata
from minikctl.controllers.deployment import limits

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = frozenset(
    {LAST_APPLIED, REVISION, HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, "deprecated.deployment.rollback.to"}
)
HISTORY_CHARACTERS = 2000


def revision(obj: Obj) -> int | None:
    """The revision number; 0 without one, None when it is not a number."""
    text = annotations_of(obj).get(REVISION, "0")
    try:
        return int(text)
    except ValueError:
        return None


def highest(sets: Objects) -> int:
    return max((revision(rs) or 0 for rs in sets), default=0)


def number(rs: Obj, annotation: str) -> int | None:
    """A number kept as an annotation."""
    try:
        return int(annotations_of(rs)[annotation])
    except (KeyError, ValueError):
        return None


def for_new_replica_set(deployment: Obj, rs: Obj, new_revision: int) -> dict[str, str]:
    """The annotations of the ReplicaSet that is current: the Deployment's own, and a revision above all others.

    A ReplicaSet that was current before keeps its former numbers in the history.
    """
    annotations = dict(annotations_of(rs))
    annotations |= {k: v for k, v in annotations_of(deployment).items() if k not in NOT_COPIED}
    before = revision(rs)
    if before is None:
        return annotations
    if before < new_revision:
        if REVISION in annotations:
            annotations[HISTORY] = _remembered(annotations.get(HISTORY, ""), annotations[REVISION])
        annotations[REVISION] = str(new_revision)
    return annotations


def _remembered(history: str, last: str) -> str:
    """`1,3` and `5` → `1,3,5`, the oldest left out when it gets too long."""
    kept = [part for part in [*history.split(","), last] if part]
    while len(kept) > 1 and len(",".join(kept)) > HISTORY_CHARACTERS:
        kept.pop(0)
    return ",".join(kept)


def replicas(deployment: Obj) -> dict[str, str]:
    """What tells a later sync how large the Deployment was when the ReplicaSet was sized."""
    wanted = limits.replicas(deployment)
    return {DESIRED_REPLICAS: str(wanted), MAX_REPLICAS: str(wanted + limits.max_surge(deployment))}


def annotated(obj: Obj, annotations: dict[str, str]) -> Obj:
    """The object with exactly these annotations."""
    return with_metadata(obj, annotations=annotations or None)
