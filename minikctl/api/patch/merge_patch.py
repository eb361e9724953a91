"""JSON merge patch (RFC 7386)."""

from __future__ import annotations

from typing import Any

from minikctl.api.patch.values import identical


def apply(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in; null removes. Neither argument is changed; untouched parts are shared."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply(merged.get(key), value)
    return merged


def diff(original: Any, modified: Any) -> dict[str, Any]:
    """The merge patch that turns one object into the other. Lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in original if key not in modified}
    for key, value in modified.items():
        before = original.get(key)
        if key in original and identical(before, value):
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            inner = diff(before, value)
            if inner:
                patch[key] = inner
        else:
            patch[key] = value
    return patch
