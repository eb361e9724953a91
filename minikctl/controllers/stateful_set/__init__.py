"""statefulset-controller: pods with names, an order and volumes of their own."""

from minikctl.controllers.stateful_set.controller import StatefulSetController

__all__ = ["StatefulSetController"]

CONTROLLER = StatefulSetController
