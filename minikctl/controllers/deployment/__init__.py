"""deployment-controller: moves pods from one template to the next, through ReplicaSets."""

from minikctl.controllers.deployment.controller import DeploymentController

__all__ = ["DeploymentController"]

CONTROLLER = DeploymentController
