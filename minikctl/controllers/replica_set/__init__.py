"""replicaset-controller: keeps the asked-for number of pods running."""

from minikctl.controllers.replica_set.controller import ReplicaSetController

__all__ = ["ReplicaSetController"]

CONTROLLER = ReplicaSetController
