"""Recreate: all old pods go, then the new ones come. Source: Kubernetes `pkg/controller/deployment/recreate.go`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api.meta import Obj, Objects, controller_of, uid
from minikctl.controllers.common.pods import is_terminal
from minikctl.controllers.deployment import limits, progress
from minikctl.controllers.deployment.replica_sets import active, total

if TYPE_CHECKING:
    from minikctl.controllers.deployment.rollout import Rollout


def run(rollout: Rollout, pods: Objects) -> float | None:
    """One step. pods: those of all the Deployment's ReplicaSets."""
    if rollout.scale_all([(rs, 0) for rs in active(rollout.old)]):
        return rollout.report()
    if old_pods_running(rollout.new, rollout.old, pods):
        return rollout.report()
    new = rollout.ensure_new()
    rollout.scale(new, limits.replicas(rollout.deployment))
    if progress.is_complete(rollout.deployment, rollout.deployment.get("status", {})):
        rollout.clean_up()
    return rollout.report()


def old_pods_running(new: Obj | None, old: Objects, pods: Objects) -> bool:
    """Whether any pod of an old template still runs: one that is being deleted does, until it has ended."""
    if total(old, "replicas") > 0:
        return True
    for pod in pods:
        ref = controller_of(pod)
        if ref is not None and (new is None or ref.get("uid") != uid(new)) and not is_terminal(pod):
            return True
    return False
