"""HorizontalPodAutoscaler."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    type="autoscaling/v2.HorizontalPodAutoscaler",
    short_names=("hpa",),
    categories=("all",),
    subresources=("status",),
)
