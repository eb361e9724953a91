"""ClusterRoleBinding."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRoleBinding",
    plural="clusterrolebindings",
    type="rbac/v1.ClusterRoleBinding",
    namespaced=False,
)
