"""Applying a client's patch to a stored object. Source: apiserver `endpoints/handlers/patch.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api import schema
from minikctl.api.errors import ApiError, bad_request, field_invalid, invalid, unsupported_media_type
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch, merge_patch, strategic
from minikctl.api.patch.values import go_value
from minikctl.apiserver.registry import clone
from minikctl.util.jsonio import JSONError, loads

JSON, MERGE, STRATEGIC, APPLY = "json", "merge", "strategic", "apply"
MEDIA_TYPES = {
    "application/json-patch+json": JSON,
    "application/merge-patch+json": MERGE,
    "application/strategic-merge-patch+json": STRATEGIC,
    "application/apply-patch+yaml": APPLY,
}


def parse(body: bytes | str | Any) -> Any:
    """The patch as data; bytes and text are JSON. Raises ApiError BadRequest."""
    if not isinstance(body, bytes | str):
        return body
    try:
        return loads(body)
    except JSONError as e:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        unfinished = not text.strip() or e.pos >= len(text)
        why = "unexpected end of JSON input" if unfinished else f"invalid character {text[e.pos]!r} at position {e.pos}"
        raise bad_request(why) from None


def changer(kind: Kind, patch_type: str, patch: Any, decode: Callable[[Obj], Obj]) -> Callable[[Obj], Obj]:
    """The function old → new (decoded) that a patch means. Raises ApiError at once when the patch is malformed."""
    if patch_type == JSON:
        if not isinstance(patch, list):
            kind_of = "object" if isinstance(patch, dict) else type(patch).__name__
            raise bad_request(
                f"error decoding patch: json: cannot unmarshal {kind_of} into Go value of type []handlers.jsonPatchOp"
            )
        return lambda old: decode(_json_patched(old, patch))
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    if patch_type == MERGE:
        return lambda old: decode(merge_patch.apply(old, patch))
    if patch_type == STRATEGIC:
        if not kind.type:
            raise unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )
        return lambda old: _strategic(kind, old, patch, decode)
    raise unsupported_media_type(f"unknown patch type {patch_type}")


def _json_patched(old: Obj, patch: list[Any]) -> Obj:
    try:
        return json_patch.apply(clone(old), patch)
    except json_patch.PatchError:
        raise unprocessable() from None


def unprocessable() -> ApiError:
    """A patch that makes no sense; like Kubernetes' server, it does not say why."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def _strategic(kind: Kind, old: Obj, patch: Obj, decode: Callable[[Obj], Obj]) -> Obj:
    try:
        patched = strategic.apply(old, patch, kind.type)
        schema.decode(kind.type, patched)
    except strategic.MalformedPatch as e:
        raise bad_request(str(e)) from None
    except strategic.ListOfLists:
        raise unprocessable() from None
    except strategic.PatchError as e:
        raise ApiError(422, "", str(e)) from None  # Kubernetes says 500; but it is the patch that is wrong
    except schema.DecodeError as e:
        why = str(e)
        if " of type " in why:  # the server converts here without Go's JSON decoder, which words it differently
            why = f"unrecognized type: {why.rsplit(' of type ', 1)[1]}"
        raise invalid("", "", "", [field_invalid("patch", go_value(patch), why)]) from None
    return decode(patched)
