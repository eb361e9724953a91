"""Strategic merge patch: being written."""

from __future__ import annotations

from typing import Any


class PatchError(ValueError):
    """The patch does not fit the object."""


def apply(original: dict[str, Any], patch: dict[str, Any], type_name: str) -> dict[str, Any]:
    """`original` with a strategic merge patch applied, by the schema of `type_name`."""
    raise NotImplementedError
