"""Namespace: a part of the cluster with names of its own.

Deleting one turns it Terminating; it goes when the namespace controller has removed its content and then the finalizer
`kubernetes` from spec.finalizers. Source: Kubernetes `pkg/registry/core/namespace`.
"""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, is_deleting
from minikctl.api.names import dns_label, qualified_name

FINALIZER = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"
ACTIVE, TERMINATING = "Active", "Terminating"
_STANDARD = {FINALIZER, "orphan", "foregroundDeletion"}


def _label(obj: Obj) -> None:
    """Every namespace can be selected by its name."""
    metadata = obj["metadata"]
    if metadata.get("name"):
        metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: metadata["name"]}


def prepare_for_create(obj: Obj) -> None:
    _label(obj)
    obj["status"] = {"phase": ACTIVE}
    spec = obj["spec"] = obj.get("spec") or {}
    finalizers = spec.get("finalizers") or []
    if FINALIZER not in finalizers:
        spec["finalizers"] = [*finalizers, FINALIZER]


def prepare_for_update(obj: Obj, old: Obj) -> None:
    """Finalizers change through `namespaces/finalize` alone."""
    _label(obj)
    spec = obj["spec"] = {k: v for k, v in (obj.get("spec") or {}).items() if k != "finalizers"}
    kept = (old.get("spec") or {}).get("finalizers")
    if kept:
        spec["finalizers"] = kept


def prepare_for_delete(obj: Obj) -> None:
    obj["status"] = {**(obj.get("status") or {}), "phase": TERMINATING}


def holds_deletion(obj: Obj) -> bool:
    return bool((obj.get("spec") or {}).get("finalizers"))


def validate(obj: Obj) -> list[FieldError]:
    errors = []
    for text in (obj.get("spec") or {}).get("finalizers") or []:
        errors += [field_invalid("spec.finalizers", text, m) for m in qualified_name(text)]
        if "/" not in text and text not in _STANDARD:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            errors.append(field_invalid("spec.finalizers", text, why))
    return errors


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    phase = (obj.get("status") or {}).get("phase") or ""
    if is_deleting(obj) and phase != TERMINATING:
        why = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        return [field_invalid("status.Phase", phase, why)]
    if not is_deleting(obj) and phase != ACTIVE:
        return [field_invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
    return []


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], (obj.get("status") or {}).get("phase", ""), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    type="core/v1.Namespace",
    namespaced=False,
    short_names=("ns",),
    subresources=("status", "finalize"),
    holds_deletion=holds_deletion,
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    prepare_for_delete=prepare_for_delete,
    validate_name=dns_label,
    validate=validate,
    validate_status_update=validate_status_update,
    selectable_fields=lambda obj: {
        "status.phase": (obj.get("status") or {}).get("phase") or "",
        "name": obj.get("metadata", {}).get("name") or "",
    },
    columns=(NAME, Column("Status", description="Active, or Terminating while it is deleted."), AGE),
    row=row,
)
