"""ValidatingAdmissionPolicyBinding: where a ValidatingAdmissionPolicy holds, and with which parameters."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    from minikctl.api.validation import admission_policy

    admission_policy.default_binding(obj)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import admission_policy

    return admission_policy.validate_binding(obj, mutating=False)


def row(obj: Obj, now: datetime) -> list[Cell]:
    from minikctl.api.validation.admission_policy import param_ref_text

    spec, meta = obj.get("spec") or {}, obj["metadata"]
    age = since(meta.get("creationTimestamp"), now)
    return [meta["name"], spec.get("policyName", ""), param_ref_text(spec.get("paramRef")), age]


KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    type="admissionregistration/v1.ValidatingAdmissionPolicyBinding",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(NAME, Column("PolicyName"), Column("ParamRef"), AGE),
    row=row,
)
