"""Role: what is allowed within a namespace."""

from minikctl.api.errors import FieldError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import rbac

    return rbac.rules(obj.get("rules"), namespaced=True)


KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="Role",
    plural="roles",
    type="rbac/v1.Role",
    allow_create_on_update=True,
    validate_name=path_segment,
    validate=validate,
)
