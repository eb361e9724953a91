"""RoleBinding."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="RoleBinding",
    plural="rolebindings",
    type="rbac/v1.RoleBinding",
)
