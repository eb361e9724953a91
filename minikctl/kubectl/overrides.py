"""--overrides: a generated object, patched before it is created. Source: kubectl `cmd/util/override_options.go`."""

from __future__ import annotations

from typing import Any

from minikctl.api import schema
from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch, merge_patch, strategic
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.go_json_errors import syntax_error
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
        patched = _patched(encoded, text, patch_type, type_name)
    except (strategic.PatchError, json_patch.PatchError, _BadPatch) as e:
        raise UsageError(str(e)) from None
    return patched


class _BadPatch(ValueError):
    """The patch is no JSON, or not of the form that its type wants."""


def _patched(obj: Obj, text: str, patch_type: str, type_name: str) -> Obj:
    try:
        patch: Any = loads(text)
    except JSONError:
        if patch_type == "json":
            why = syntax_error(text)[1]
            raise _BadPatch("unexpected end of JSON input" if why == "unexpected EOF" else why) from None
        raise _BadPatch("Invalid JSON Patch" if patch_type == "merge" else "invalid JSON document") from None
    if patch_type == "json":
        if not isinstance(patch, list):
            word = "object" if isinstance(patch, dict) else type(patch).__name__
            raise _BadPatch(f"json: cannot unmarshal {word} into Go value of type jsonpatch.Patch")
        patched: Obj = json_patch.apply(obj, patch)
        return patched
    if isinstance(patch, list) and patch_type == "merge":
        raise _BadPatch(_NO_KIND)
    if not isinstance(patch, dict):
        raise _BadPatch("Invalid JSON Patch" if patch_type == "merge" else "invalid JSON document")
    merged: Obj = strategic.apply(obj, patch, type_name) if patch_type == "strategic" else merge_patch.apply(obj, patch)
    return merged


_NO_KIND = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct "
    '{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
