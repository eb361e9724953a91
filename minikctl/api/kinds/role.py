"""Role."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="Role",
    plural="roles",
    type="rbac/v1.Role",
)
