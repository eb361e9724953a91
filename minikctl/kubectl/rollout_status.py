"""How far a rollout is: one line and whether it is over, from the object alone.

Source: kubectl `polymorphichelpers/rollout_status.go`.
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, condition, generation
from minikctl.util.errors import UsageError

TIMED_OUT = "ProgressDeadlineExceeded"
Status = tuple[str, bool]
"""(the line, whether the rollout is complete)."""


def status(kind: Kind, obj: Obj, revision: int = 0) -> Status:
    """Raises UsageError when the rollout cannot succeed, or is another than `revision`."""
    return viewer(kind)(obj, revision)


def viewer(kind: Kind) -> Callable[[Obj, int], Status]:
    """The function for a kind. Raises UsageError for kinds without rollouts."""
    found = _VIEWERS.get(kind.kind) if kind.group == "apps" else None
    if found is None:
        name = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
        raise UsageError(f"no status viewer has been implemented for {name}")
    return found


def _observed(obj: Obj) -> bool:
    return generation(obj) <= int((obj.get("status") or {}).get("observedGeneration", 0))


def deployment(obj: Obj, revision: int) -> Status:
    name, spec, state = obj["metadata"]["name"], obj.get("spec") or {}, obj.get("status") or {}
    if revision > 0:
        _check_revision(obj, revision)
    if not _observed(obj):
        return "Waiting for deployment spec update to be observed...", False
    progressing = condition(obj, "Progressing")
    if progressing is not None and progressing.get("reason") == TIMED_OUT:
        raise UsageError(f'deployment "{name}" exceeded its progress deadline')
    wanted, updated = spec.get("replicas"), state.get("updatedReplicas", 0)
    total, available = state.get("replicas", 0), state.get("availableReplicas", 0)
    start = f'Waiting for deployment "{name}" rollout to finish:'
    if wanted is not None and updated < wanted:
        return f"{start} {updated} out of {wanted} new replicas have been updated...", False
    if total > updated:
        return f"{start} {total - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{start} {available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def _check_revision(obj: Obj, revision: int) -> None:
    from minikctl.kubectl.describe.replica_sets import REVISION
    from minikctl.kubectl.describe.replica_sets import revision as revision_of

    found = revision_of(obj)
    if found is None:
        text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
        why = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise UsageError(f'cannot get the revision of deployment "{obj["metadata"]["name"]}": {why}')
    if found != revision:
        raise UsageError(f"desired revision ({revision}) is different from the running revision ({found})")


def daemon_set(obj: Obj, _revision: int) -> Status:
    name, state = obj["metadata"]["name"], obj.get("status") or {}
    _require_rolling_update(obj)
    if not _observed(obj):
        return "Waiting for daemon set spec update to be observed...", False
    wanted, updated = state.get("desiredNumberScheduled", 0), state.get("updatedNumberScheduled", 0)
    available = state.get("numberAvailable", 0)
    start = f'Waiting for daemon set "{name}" rollout to finish:'
    if updated < wanted:
        return f"{start} {updated} out of {wanted} new pods have been updated...", False
    if available < wanted:
        return f"{start} {available} of {wanted} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def stateful_set(obj: Obj, _revision: int) -> Status:
    spec, state = obj.get("spec") or {}, obj.get("status") or {}
    _require_rolling_update(obj)
    if not state.get("observedGeneration") or not _observed(obj):
        return "Waiting for statefulset spec update to be observed...", False
    wanted, ready, updated = spec.get("replicas"), state.get("readyReplicas", 0), state.get("updatedReplicas", 0)
    if wanted is not None and ready < wanted:
        return f"Waiting for {wanted - ready} pods to be ready...", False
    rolling = spec["updateStrategy"].get("rollingUpdate")
    if rolling is not None:
        partition = rolling.get("partition")
        if wanted is not None and partition is not None and updated < wanted - partition:
            done = f"{updated} out of {wanted - partition} new pods have been updated..."
            return f"Waiting for partitioned roll out to finish: {done}", False
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    new, old = state.get("updateRevision", ""), state.get("currentRevision", "")
    if new != old:
        return f"waiting for statefulset rolling update to complete {updated} pods at revision {new}...", False
    current = state.get("currentReplicas", 0)
    return f"statefulset rolling update complete {current} pods at revision {old}...", True


def _require_rolling_update(obj: Obj) -> None:
    if ((obj.get("spec") or {}).get("updateStrategy") or {}).get("type") != "RollingUpdate":
        raise UsageError("rollout status is only available for RollingUpdate strategy type")


_VIEWERS: dict[str, Callable[[Obj, int], Status]] = {
    "Deployment": deployment,
    "DaemonSet": daemon_set,
    "StatefulSet": stateful_set,
}
