"""JSON Patch (RFC 6902), by the `jsonpatch` library."""

from __future__ import annotations

from typing import Any


class PatchError(ValueError):
    """The patch does not fit the document, or one of its tests failed."""


def apply(document: Any, patch: list[Any]) -> Any:
    """The patched document; `document` may be changed on the way. Raises PatchError."""
    import jsonpatch
    from jsonpointer import JsonPointerException

    try:
        for operation in patch:
            document = jsonpatch.apply_patch(document, [_lenient(document, operation)], in_place=True)
        return document
    except (jsonpatch.JsonPatchException, JsonPointerException, KeyError, TypeError, IndexError, ValueError) as e:
        raise PatchError(str(e)) from None


def _lenient(document: Any, operation: Any) -> Any:
    """The operation as Kubernetes means it: `replace` sets a field of an object that is not there yet.

    RFC 6902 forbids that; the library that Kubernetes uses does it, and clients count on it.
    """
    from jsonpointer import JsonPointer

    if not isinstance(operation, dict) or operation.get("op") != "replace" or not operation.get("path"):
        return operation
    *above, last = JsonPointer(operation["path"]).parts
    parent = JsonPointer.from_parts(above).resolve(document, None)
    return {**operation, "op": "add"} if isinstance(parent, dict) and last not in parent else operation
