"""The controller: a ReplicaSet's in everything but its selector, which is a plain set of labels.

Source: Kubernetes `pkg/controller/replication`, which wraps the ReplicaSet controller likewise.
"""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.selectors import NOTHING, Selector, from_labels
from minikctl.controllers.replica_set import ReplicaSetController


class ReplicationControllerController(ReplicaSetController):
    name = "replication-controller"
    resource = "replicationcontrollers"

    def selector(self, owner: Obj) -> Selector:
        return selector_of(owner)

    def terminating(self, count: int) -> int | None:
        return None


def selector_of(owner: Obj) -> Selector:
    """The labels its pods have; without any it selects nothing."""
    wanted = owner.get("spec", {}).get("selector")
    return from_labels(wanted) if wanted else NOTHING
