"""ValidatingWebhookConfiguration: webhooks that judge requests."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    from minikctl.api.validation import webhooks

    webhooks.default_webhooks(obj, mutating=False)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import webhooks

    return webhooks.validate(obj, mutating=False)


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], len(obj.get("webhooks") or []), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    type="admissionregistration/v1.ValidatingWebhookConfiguration",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
    default=default,
    validate=validate,
    columns=(NAME, Column("Webhooks", "integer"), AGE),
    row=row,
)
