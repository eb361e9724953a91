"""ClusterRoleBinding: gives a ClusterRole to users, groups and accounts, in the whole cluster."""

from minikctl.api.errors import FieldError
from minikctl.api.kind import Kind
from minikctl.api.kinds.role_binding import COLUMNS, default, row
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import rbac

    return rbac.binding(obj, namespaced=False)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import rbac

    return rbac.binding(obj, namespaced=False) + rbac.same_role(obj, old)


KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRoleBinding",
    plural="clusterrolebindings",
    type="rbac/v1.ClusterRoleBinding",
    namespaced=False,
    allow_create_on_update=True,
    validate_name=path_segment,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=COLUMNS,
    row=row,
)
