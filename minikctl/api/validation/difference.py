"""What an update would change in something that cannot change, as the API server shows it."""

from __future__ import annotations

from typing import Any


def difference(type_name: str, before: Any, after: Any) -> str:
    """A unified diff of two values as JSON, keys in the order of their type."""
    import difflib

    from minikctl.api.schema import in_order
    from minikctl.util.jsonio import go_json

    was, now = (go_json(in_order(type_name, v), indent=1).splitlines(keepends=True) for v in (before, after))
    return "".join(list(difflib.unified_diff(was, now))[2:])
