"""RuntimeClass."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    type="node/v1.RuntimeClass",
    namespaced=False,
)
