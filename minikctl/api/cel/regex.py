"""RE2 by way of the CEL runtime: the regular expressions that Go has, which never take exponential time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from minikctl.api.cel.program import EvaluationError, compile  # noqa: A004

_MATCHES = "text.matches(pattern)"
_VARIABLES = {"text": "string", "pattern": "string"}


@lru_cache(maxsize=1)
def _program() -> Any:
    return compile(_MATCHES, _VARIABLES)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text. A broken pattern is found nowhere."""
    try:
        return bool(_program().evaluate({"text": text, "pattern": pattern}))
    except EvaluationError:
        return False


def problem(pattern: str) -> str:
    """What is wrong with a pattern, as Go words it; empty when nothing is."""
    try:
        _program().evaluate({"text": "", "pattern": pattern})
    except EvaluationError as e:
        return f"error parsing regexp: {e}"
    return ""
