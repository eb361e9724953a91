"""RoleBinding: gives a Role, or a ClusterRole's rules within one namespace, to users, groups and accounts."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment


def default(obj: Obj) -> None:
    from minikctl.api.validation import rbac

    rbac.default_binding(obj)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import rbac

    return rbac.binding(obj, namespaced=True)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import rbac

    return rbac.binding(obj, namespaced=True) + rbac.same_role(obj, old)


def row(obj: Obj, now: datetime) -> list[Cell]:
    ref, meta = obj.get("roleRef") or {}, obj["metadata"]
    named: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or []:
        name = subject.get("name", "")
        is_account = subject.get("kind") == "ServiceAccount"
        shown = f"{subject.get('namespace', '')}/{name}" if is_account else name
        named.get(subject.get("kind", ""), []).append(shown)
    role = f"{ref.get('kind', '')}/{ref.get('name', '')}"
    return [meta["name"], role, since(meta.get("creationTimestamp"), now), *(", ".join(n) for n in named.values())]


COLUMNS = (
    NAME,
    Column("Role"),
    AGE,
    Column("Users", priority=1),
    Column("Groups", priority=1),
    Column("ServiceAccounts", priority=1),
)

KIND = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="RoleBinding",
    plural="rolebindings",
    type="rbac/v1.RoleBinding",
    allow_create_on_update=True,
    validate_name=path_segment,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=COLUMNS,
    row=row,
)
