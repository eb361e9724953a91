"""Custom resources between versions: by name only, or by asking the definition's webhook (apiextensions ConversionReview).

What comes back must be the same objects, in order, in the wanted version; of their metadata, a webhook changes labels
and annotations and nothing else.
Source: apiextensions-apiserver `pkg/apiserver/conversion`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minikctl.api.crd.kinds import Convert, rename
from minikctl.api.errors import ApiError, FieldError
from minikctl.api.meta import Obj
from minikctl.api.names import validate_annotations, validate_labels
from minikctl.apiserver.metadata import new_uid

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

TIMEOUT_SECONDS = 30
GROUP = "apiextensions.k8s.io"


class ConversionFailed(Exception):
    """What is wrong with the webhook's answer."""


def converter(api: APIServer, crd: Obj) -> Convert:
    """The function that converts the objects of a definition. It raises ApiError when its webhook fails."""
    conversion = crd["spec"].get("conversion") or {}
    if conversion.get("strategy") != "Webhook":
        return rename
    return _Webhook(api, conversion["webhook"])


class _Webhook:
    """Asks once for all objects that are not in the wanted version."""

    def __init__(self, api: APIServer, webhook: Obj):
        self._api = api
        self._config: Obj = webhook["clientConfig"]
        versions = webhook.get("conversionReviewVersions") or []
        self._version = next((v for v in versions if v in ("v1", "v1beta1")), "v1")

    def __call__(self, objects: list[Obj], api_version: str) -> list[Obj]:
        others = [o for o in objects if o.get("apiVersion") != api_version]
        if not others:
            return objects
        try:
            answers = iter(self._converted(others, api_version))
        except ConversionFailed as e:
            of = f"{others[0].get('apiVersion')}, Kind={others[0].get('kind')}"
            raise ApiError(500, "", f"conversion webhook for {of} {e}") from None
        return [o if o.get("apiVersion") == api_version else next(answers) for o in objects]

    def _converted(self, objects: list[Obj], api_version: str) -> list[Obj]:
        """Raises ConversionFailed."""
        from minikctl.apiserver.admission._webhook_client import CallFailed, ask

        uid = new_uid(self._api.rng)
        review = {
            "kind": "ConversionReview",
            "apiVersion": f"{GROUP}/{self._version}",
            "request": {"uid": uid, "desiredAPIVersion": api_version, "objects": objects},
        }
        try:
            answer = ask(self._config, review, TIMEOUT_SECONDS, self._api)
        except CallFailed as e:
            raise ConversionFailed(f"failed: {str(e).removeprefix('failed to call webhook: ')}") from None
        found = _objects_of(answer, uid, self._version)
        if len(found) != len(objects):
            raise ConversionFailed(f"returned {len(found)} objects, expected {len(objects)}")
        return [_checked(before, after, api_version, i) for i, (before, after) in enumerate(zip(objects, found))]


def _objects_of(answer: Any, uid: str, version: str) -> list[Any]:
    """The converted objects of a ConversionReview. Raises ConversionFailed."""
    response = answer.get("response") if isinstance(answer, dict) else None
    if version == "v1" and isinstance(answer, dict):
        head = (answer.get("apiVersion"), answer.get("kind"))
        if head != (f"{GROUP}/v1", "ConversionReview"):
            got = f"{head[0] or '/'}, Kind={head[1] or ''}"
            raise ConversionFailed(f"failed: expected webhook response of {GROUP}/v1, Kind=ConversionReview, got {got}")
    if not isinstance(response, dict):
        raise ConversionFailed("failed: no response provided")
    if version == "v1" and response.get("uid") != uid:
        raise ConversionFailed(f'failed: expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        unsaid = f"response.result.status was '{result.get('status') or ''}', not 'Success'"
        raise ConversionFailed(f"failed: {result.get('message') or unsaid}")
    return response.get("convertedObjects") or []


def _checked(before: Obj, after: Any, api_version: str, index: int) -> Obj:
    """The converted object with the metadata that it must keep. Raises ConversionFailed."""
    where = f"returned invalid converted object at index {index}: "
    if not isinstance(after, dict):
        raise ConversionFailed(f"{where}it is no object")
    for what, wanted, given in (
        ("groupVersion", api_version, after.get("apiVersion")),
        ("kind", before.get("kind"), after.get("kind")),
    ):
        if wanted != given:
            raise ConversionFailed(f"{where}invalid {what} (expected {wanted}, received {given or ''})")
    metadata = after.get("metadata")
    if not isinstance(metadata, dict):
        raise ConversionFailed(
            f"returned invalid metadata in object at index {index}: missing metadata in converted object"
        )
    old: Obj = before.get("metadata") or {}
    for field, shown in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (old.get(field) or "") != (metadata.get(field) or ""):
            difference = f"{old.get(field) or ''} != {metadata.get(field) or ''}"
            raise ConversionFailed(f"{where}must have the same {shown}: {difference}")
    return {**after, "metadata": _metadata(old, metadata, index)}


def _metadata(old: Obj, new: Obj, index: int) -> Obj:
    kept = {k: v for k, v in old.items() if k not in ("labels", "annotations")}
    errors: list[FieldError] = []
    for field, check in (("labels", validate_labels), ("annotations", validate_annotations)):
        if not new.get(field):
            continue
        kept[field] = new[field]
        if new[field] != old.get(field):
            errors += check(new[field], f"metadata.{field}")
    if errors:
        raise ConversionFailed(f"returned invalid metadata in object at index {index}: {errors[0]}")
    return kept
