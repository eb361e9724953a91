"""daemonset-controller: one pod on every node that a DaemonSet is for."""

from minikctl.controllers.daemon_set.controller import DaemonSetController

__all__ = ["DaemonSetController"]

CONTROLLER = DaemonSetController
