"""semver, isSemver and comparing versions. Source: apiserver `pkg/cel/library/semverlib.go`, semver.org."""

from __future__ import annotations

import re
from typing import Any

from minikctl.api.cel.functions import Function, value

_NUMBER = r"(?:0|[1-9]\d*)"
_FORM = re.compile(
    rf"^({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z.-]+))?$"
)
Version = dict[str, Any]


def _parse(text: str) -> Version:
    m = _FORM.match(text)
    if not m or any(p.isdigit() and len(p) > 1 and p[0] == "0" for p in (m[4] or "").split(".")):
        raise ValueError(f'Invalid Semantic Version: "{text}"')
    return value("semver", major=int(m[1]), minor=int(m[2]), patch=int(m[3]), pre=m[4] or "", build=m[5] or "")


def _normalized(text: str) -> str:
    """`v1` → `1.0.0`, `01.2` → `1.2.0`."""
    head = re.split(r"[-+]", text.removeprefix("v"), maxsplit=1)[0]
    rest = text.removeprefix("v")[len(head) :]
    numbers = [n.lstrip("0") or "0" if n else n for n in head.split(".")]
    return ".".join(numbers + ["0"] * (3 - len(numbers))) + rest


def _lenient(text: str, normalize: bool) -> Version:
    return _parse(_normalized(text) if normalize else text)


def _is_semver(text: str, normalize: bool = False) -> bool:
    try:
        _lenient(text, normalize)
    except ValueError:
        return False
    return True


def _rank(v: Version) -> tuple[Any, ...]:
    """For comparing: a version without pre-release is after those with one; numbers are before words."""
    pre = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in v["pre"].split(".")] if v["pre"] else []
    return (v["major"], v["minor"], v["patch"], not v["pre"], pre)


def _compare(a: Version, b: Version) -> int:
    return (_rank(a) > _rank(b)) - (_rank(a) < _rank(b))


_ONE, _TWO = ("semver",), ("semver", "semver")
FUNCTIONS = (
    Function("semver", "string_to_semver", ("string",), "semver", _parse, member=False),
    Function("semver", "string_bool_to_semver", ("string", "bool"), "semver", _lenient, member=False),
    Function("isSemver", "is_semver_string", ("string",), "bool", _is_semver, member=False),
    Function("isSemver", "is_semver_string_bool", ("string", "bool"), "bool", _is_semver, member=False),
    Function("isGreaterThan", "semver_is_greater_than", _TWO, "bool", lambda a, b: _compare(a, b) > 0),
    Function("isLessThan", "semver_is_less_than", _TWO, "bool", lambda a, b: _compare(a, b) < 0),
    Function("compareTo", "semver_compare_to", _TWO, "int", _compare),
    Function("major", "semver_major", _ONE, "int", lambda v: v["major"]),
    Function("minor", "semver_minor", _ONE, "int", lambda v: v["minor"]),
    Function("patch", "semver_patch", _ONE, "int", lambda v: v["patch"]),
)
