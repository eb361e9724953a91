"""replication-controller: what the ReplicaSet's does, for ReplicationControllers."""

from minikctl.controllers.replication_controller.controller import ReplicationControllerController

__all__ = ["ReplicationControllerController"]

CONTROLLER = ReplicationControllerController
