"""`--validate`: how strictly the server shall look at unknown and repeated fields."""

from __future__ import annotations

from typing import Any

from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"
VALIDATE = Option(
    "validate",
    default="strict",
    no_value="strict",
    help="strict (or true): refuse unknown and repeated fields; warn: only warn; ignore (or false): drop them silently.",
    complete=("strict", "warn", "ignore"),
)
_WORDS = {
    "strict": STRICT,
    "warn": WARN,
    "ignore": IGNORE,
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), STRICT),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), IGNORE),
}


def directive(call: Invocation) -> str:
    """STRICT, WARN or IGNORE: what a write's `field_validation` says. Raises UsageError."""
    word = call.flags.get("validate", "strict")
    if word not in _WORDS:
        raise UsageError(
            f'invalid - validate option "{word}"; must be one of: strict (or true), warn, ignore (or false)'
        )
    return _WORDS[word]


def problems(value: Any) -> list[str]:
    """Why a value is no object that a server could judge: it needs an apiVersion and a kind."""
    if not isinstance(value, dict):
        return ["invalid object to validate"]
    found = []
    for key in ("apiVersion", "kind"):
        if value.get(key) is None:
            found.append(f"{key} not set")
        elif not isinstance(value[key], str):
            found.append(f"{key} isn't string type")
        elif key == "apiVersion" and value[key].count("/") > 1:
            found.append(f"unexpected GroupVersion string: {value[key]}")
    return found
