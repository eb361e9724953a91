"""find, findAll. Source: apiserver `pkg/cel/library/regex.go`.

Python's expressions stand in for RE2 here; what both understand, they understand alike.
"""

from __future__ import annotations

import re

from minikctl.api.cel.functions import Function


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as e:
        raise ValueError(f"Illegal regex: error parsing regexp: {e}") from None


def _find(text: str, pattern: str) -> str:
    found = _compiled(pattern).search(text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [m[0] for m in _compiled(pattern).finditer(text)]
    return found if limit < 0 else found[:limit]


FUNCTIONS = (
    Function("find", "string_find_string", ("string", "string"), "string", _find),
    Function("findAll", "string_find_all_string", ("string", "string"), "list<string>", _find_all),
    Function("findAll", "string_find_all_string_int", ("string", "string", "int"), "list<string>", _find_all),
)
