"""horizontal-pod-autoscaler: gives workloads as many replicas as their use asks for."""

from minikctl.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscalerController

__all__ = ["HorizontalPodAutoscalerController"]

CONTROLLER = HorizontalPodAutoscalerController
