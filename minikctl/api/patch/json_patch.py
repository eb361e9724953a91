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
        return jsonpatch.apply_patch(document, patch, in_place=True)
    except (jsonpatch.JsonPatchException, JsonPointerException, KeyError, TypeError, IndexError, ValueError) as e:
        raise PatchError(str(e)) from None
