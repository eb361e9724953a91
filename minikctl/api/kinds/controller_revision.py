"""ControllerRevision: one version of what a StatefulSet or DaemonSet runs, never changed.

Source: Kubernetes `pkg/registry/apps/controllerrevision`.
"""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, controller_of


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import stateful_set

    return stateful_set.validate_revision(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import stateful_set

    return stateful_set.validate_revision_update(obj, old)


def _controller(obj: Obj) -> str:
    """`statefulset.apps/db`."""
    ref = controller_of(obj)
    if ref is None:
        return "<none>"
    group, slash, _ = ref.get("apiVersion", "").partition("/")
    kind = f"{ref.get('kind', '')}.{group}" if slash else ref.get("kind", "")
    return f"{kind.lower()}/{ref.get('name', '')}"


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], _controller(obj), int(obj.get("revision") or 0), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    type="apps/v1.ControllerRevision",
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Controller", description="Whose version it is."),
        Column("Revision", description="Its number."),
        AGE,
    ),
    row=row,
)
