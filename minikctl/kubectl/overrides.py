"""--overrides: a generated object, patched before it is created. Source: kubectl `cmd/util/override_options.go`."""

from __future__ import annotations

from typing import Any

from minikctl.api import schema
from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch, merge_patch, strategic
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import JSONError, loads

OPTIONS = (
    Option("overrides", help="A JSON patch for the object before it is created, in one line."),
    Option(
        "override-type",
        default="merge",
        complete=("json", "merge", "strategic"),
        help="How --overrides is meant: json, merge or strategic.",
    ),
)


def override(call: Invocation, obj: Obj, type_name: str) -> Obj:
    """The object as the flags want it. Raises UsageError."""
    text, patch_type = call.flags.overrides, call.flags.override_type or "merge"
    if not text:
        return obj
    if patch_type not in ("json", "merge", "strategic"):
        raise UsageError(f"invalid override type: {patch_type}")
    head: Obj = {k: obj[k] for k in ("kind", "apiVersion") if k in obj}
    encoded: Obj = {**head, **schema.decode(type_name, obj).value}
    try:
        patched: Any = _patched(encoded, text, patch_type, type_name)
    except (strategic.PatchError, json_patch.PatchError, _NotJSON) as e:
        raise UsageError(str(e)) from None
    if not isinstance(patched, dict):
        raise UsageError("Invalid JSON Patch")
    return patched


class _NotJSON(ValueError):
    """The patch is no JSON, or no object."""


def _patched(obj: Obj, text: str, patch_type: str, type_name: str) -> Any:
    try:
        patch = loads(text)
    except JSONError as e:
        raise _NotJSON("Invalid JSON Patch" if patch_type == "merge" else f"invalid JSON document: {e}") from None
    if patch_type == "json":
        return json_patch.apply(obj, patch)
    if not isinstance(patch, dict):
        raise _NotJSON("Invalid JSON Patch")
    if patch_type == "strategic":
        return strategic.apply(obj, patch, type_name)
    return merge_patch.apply(obj, patch)
