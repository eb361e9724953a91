"""ServiceAccount: who the processes in a pod are when they talk to the API."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.kind import AGE, NAME, Cell, Kind
from minikctl.api.meta import Obj


def prepare_for_create(obj: Obj) -> None:
    """Of the referenced Secrets only the name counts: they are in the account's own namespace."""
    if obj.get("secrets"):
        obj["secrets"] = [{"name": s["name"]} if s.get("name") else {} for s in obj["secrets"]]


def prepare_for_update(obj: Obj, _old: Obj) -> None:
    prepare_for_create(obj)


def row(obj: Obj, now: datetime) -> list[Cell]:
    return [obj["metadata"]["name"], since(obj["metadata"].get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    type="core/v1.ServiceAccount",
    short_names=("sa",),
    subresources=("token",),
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    columns=(NAME, AGE),
    row=row,
)
