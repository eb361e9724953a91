"""CertificateSigningRequest: a request for a certificate, approved or denied, then signed."""

from datetime import datetime

from minikctl.api.durations import human, since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind, Part
from minikctl.api.meta import Obj
from minikctl.api.names import path_segment

REQUESTER = ("username", "uid", "groups", "extra")
"""Who asks, as the API server knows it: nobody can write these fields."""


def default(obj: Obj) -> None:
    for field in REQUESTER:
        obj["spec"].pop(field, None)


def prepare_for_update(obj: Obj, old: Obj) -> None:
    """A request is never changed."""
    obj["spec"] = old["spec"]


DECIDED = ("Approved", "Denied")
"""Conditions that only `/approval` sets."""


def keep_decision(new: Obj, old: Obj) -> Obj:
    """Through `/approval` conditions and metadata change, and nothing else."""
    status = {**(old.get("status") or {}), "conditions": (new.get("status") or {}).get("conditions") or []}
    return {**old, "metadata": new["metadata"], "status": {k: v for k, v in status.items() if v}}


def prepare_status_update(obj: Obj, old: Obj) -> None:
    """Through `/status` everything but the decision changes."""
    conditions = [c for c in _conditions(obj) if c.get("type") not in DECIDED]
    kept = [c for c in _conditions(old) if c.get("type") in DECIDED]
    obj["status"] = {k: v for k, v in {**(obj.get("status") or {}), "conditions": [*kept, *conditions]}.items() if v}


def _conditions(obj: Obj) -> list[Obj]:
    return (obj.get("status") or {}).get("conditions") or []


def validate_decision(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import certificates

    return certificates.validate_status(obj, old)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import certificates

    return certificates.validate(obj)


def condition_text(obj: Obj) -> str:
    """The CONDITION column: `Approved,Issued`."""
    status = obj.get("status") or {}
    types = {c.get("type") for c in status.get("conditions") or []}
    shown = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    return shown + (",Failed" if "Failed" in types else "") + (",Issued" if status.get("certificate") else "")


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    seconds = spec.get("expirationSeconds")
    return [
        meta["name"],
        since(meta.get("creationTimestamp"), now),
        spec.get("signerName") or "<none>",
        spec.get("username", ""),
        "<none>" if seconds is None else human(seconds),
        condition_text(obj),
    ]


KIND = Kind(
    group="certificates.k8s.io",
    version="v1",
    kind="CertificateSigningRequest",
    plural="certificatesigningrequests",
    type="certificates/v1.CertificateSigningRequest",
    namespaced=False,
    short_names=("csr",),
    subresources=("status", "approval"),
    parts={"approval": Part(keep_decision, validate_decision)},
    validate_name=path_segment,
    default=default,
    prepare_for_update=prepare_for_update,
    prepare_status_update=prepare_status_update,
    validate=validate,
    validate_status_update=validate_decision,
    selectable_fields=lambda obj: {"spec.signerName": (obj.get("spec") or {}).get("signerName", "")},
    columns=(
        NAME,
        AGE,
        Column("SignerName"),
        Column("Requestor"),
        Column("RequestedDuration"),
        Column("Condition"),
    ),
    row=row,
)
