"""ClusterRole."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRole",
    plural="clusterroles",
    type="rbac/v1.ClusterRole",
    namespaced=False,
)
