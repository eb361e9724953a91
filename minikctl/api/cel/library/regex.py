"""find, findAll. Source: apiserver `pkg/cel/library/regex.go`.

The expressions are RE2's, as in Go, and never take exponential time: the runtime's own `regex` extension matches them. It
gives what the first group matched, so groups are made non-capturing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from minikctl.api.cel.functions import Function

_CONFIG = "name: regex\nextensions:\n  - name: optional\n  - name: regex\n"
_PARTS = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]])*\]|\(\?P?<\w+>|\(\?|\(", re.S)


@lru_cache(maxsize=4)
def _program(source: str) -> Any:
    from cel_expr_python.cel import NewEnv, NewEnvConfigFromYaml, Type

    variables = {"text": Type.STRING, "pattern": Type.STRING}
    return NewEnv(config=NewEnvConfigFromYaml(_CONFIG), variables=variables).compile(source)


def without_groups(pattern: str) -> str:
    """The same expression, whose groups capture nothing."""

    def rewritten(part: re.Match[str]) -> str:
        text = part[0]
        return "(?:" if text == "(" or text.endswith(">") else text

    return _PARTS.sub(rewritten, pattern)


def _matched(source: str, text: str, pattern: str) -> Any:
    value = _program(source).eval(data={"text": text, "pattern": without_groups(pattern)})
    if str(value.type()) == "ERROR":
        why = str(value.value()).partition("invalid regular expression: ")[2] or str(value.value())
        raise ValueError(f"Illegal regex: error parsing regexp: {why}")
    return value.plain_value()


def _find(text: str, pattern: str) -> str:
    return str(_matched("regex.extract(text, pattern).orValue('')", text, pattern))


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found: list[str] = _matched("regex.extractAll(text, pattern)", text, pattern)
    return found if limit < 0 else found[:limit]


FUNCTIONS = (
    Function("find", "string_find_string", ("string", "string"), "string", _find),
    Function("findAll", "string_find_all_string", ("string", "string"), "list<string>", _find_all),
    Function("findAll", "string_find_all_string_int", ("string", "string", "int"), "list<string>", _find_all),
)
