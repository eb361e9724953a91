"""Calling webhooks: those that a request concerns, with what follows from their answers.

Source: apiserver `admission/plugin/webhook/{mutating,validating}/dispatcher.go`; concept "Dynamic Admission Control".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.api.errors import ApiError, bad_request, internal
from minikctl.api.meta import Obj, name
from minikctl.apiserver.admission import Cluster, forbidden
from minikctl.apiserver.admission import _conditions as conditions
from minikctl.apiserver.admission import _requests as requests
from minikctl.apiserver.admission._requests import View
from minikctl.apiserver.request import Attributes


class CallFailed(Exception):
    """A webhook that could not be asked, or did not answer as it should. The text says why."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration."""

    configuration: str
    index: int
    spec: Obj

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or "")

    @property
    def ignores_failure(self) -> bool:
        return self.spec.get("failurePolicy") == "Ignore"

    @property
    def id(self) -> str:
        return f"{self.configuration}/{self.name}/{self.index}"


def hooks(resource: str, a: Attributes, api: Cluster) -> Iterator[Hook]:
    """All webhooks, in the order in which they are asked."""
    if a.kind.resource in requests.EXEMPT:
        return
    for configuration in api.read_all(resource):
        for i, spec in enumerate(configuration.get("webhooks") or []):
            yield Hook(name(configuration), i, spec)


def concerned(hook: Hook, a: Attributes, api: Cluster) -> View | None:
    """The request as this webhook is to see it; None when it does not ask for it. Raises ApiError."""
    view = requests.select(hook.spec, hook.spec.get("rules") or [], a, api)
    wanted = hook.spec.get("matchConditions")
    if view is None or not wanted:
        return view
    try:
        holds = conditions.match(wanted, view, api)
    except conditions.Unanswered as e:
        if hook.ignores_failure:
            return None
        raise forbidden(a, str(e)) from None
    return view if holds else None


def call(hook: Hook, view: View, api: Cluster, *, mutating: bool) -> Obj:
    """The webhook's consent. Raises CallFailed, and ApiError for a refusal."""
    from minikctl.apiserver.admission import _webhook_client as client  # costs commands that ask nobody too much

    spec, context = hook.spec, view.attributes.context
    if context.dry_run and spec.get("sideEffects") not in ("None", "NoneOnDryRun"):
        raise bad_request(f'admission webhook "{hook.name}" does not support dry run')
    version = next((v for v in spec.get("admissionReviewVersions") or [] if v in ("v1", "v1beta1")), None)
    if version is None:
        raise CallFailed(
            "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
        )
    uid = client.new_uid()
    review = {"kind": "AdmissionReview", "apiVersion": f"admission.k8s.io/{version}", "request": view.request(uid)}
    answer = client.ask(spec.get("clientConfig") or {}, review, int(spec.get("timeoutSeconds") or 10), api)
    response = client.answer_of(uid, answer, mutating=mutating)
    for key, value in (response.get("auditAnnotations") or {}).items():
        context.annotations[f"{hook.name}/{key}"] = value
    for text in response.get("warnings") or []:
        context.warn(text)
    if not response.get("allowed"):
        raise client.rejection(hook.name, response.get("status"))
    return response


def failed(hook: Hook, error: CallFailed, a: Attributes, note: str) -> ApiError | None:
    """What a failed call means for the request: its end, or, when the webhook says so, nothing but a note."""
    text = f'failed calling webhook "{hook.name}": {error}'
    if not hook.ignores_failure:
        return internal(text)
    import logging

    logging.getLogger("apiserver.admission").warning("failing open: %s", text)
    a.context.annotations[note] = hook.name
    return None
