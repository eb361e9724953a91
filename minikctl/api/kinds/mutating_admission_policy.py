"""MutatingAdmissionPolicy: changes to requests, written in CEL."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    from minikctl.api.validation import admission_policy

    admission_policy.default_policy(obj)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import admission_policy

    return admission_policy.validate_policy(obj, mutating=True)


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    kind = spec.get("paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"
    return [meta["name"], len(spec.get("mutations") or []), shown, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingAdmissionPolicy",
    plural="mutatingadmissionpolicies",
    type="admissionregistration/v1.MutatingAdmissionPolicy",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(NAME, Column("Mutations", "integer"), Column("ParamKind"), AGE),
    row=row,
)
