"""`Object{…}` and `JSONPatch{…}` in the expressions of MutatingAdmissionPolicies.

They are messages whose types exist in no schema: `Object.spec.template{replicas: 3}`. The CEL runtime knows messages
with descriptors only, so they are written as maps before an expression is compiled: `{"replicas": 3}`. The name of a
type must be the path of the field that it stands in; that is checked here. Pure functions on text.

Source: KEP-3962, apiserver `pkg/cel/mutation`.
"""

from __future__ import annotations

import re

_STRING = re.compile(r"""[rR]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.S)
_TYPE = re.compile(r"(?<![\w.])(Object(?:\.\w+)*|JSONPatch)\s*\{")
_FIELD = re.compile(r"\s*(\??)\s*(?:([A-Za-z_]\w*)|`([^`]+)`)\s*:", re.S)
_ESCAPES = {"__underscores__": "__", "__dot__": ".", "__dash__": "-", "__slash__": "/"}
_PAIRS = {"(": ")", "[": "]", "{": "}"}


class LiteralError(Exception):
    """Something that looks like such a literal and is none."""


def as_maps(expression: str, within: str = "") -> str:
    """The expression with maps in the place of messages. Raises LiteralError.

    `within`: the type that a literal at the beginning of the text must have, because of the field that it is set to.
    """
    out: list[str] = []
    at = 0
    while at < len(expression):
        quoted = _STRING.match(expression, at)
        if quoted and not _continues_a_word(expression, at):
            out.append(quoted[0])
            at = quoted.end()
            continue
        found = _TYPE.match(expression, at)
        if not found:
            out.append(expression[at])
            at += 1
            continue
        name = found[1]
        if within and name != within and name != "JSONPatch" and not "".join(out).strip():
            why = "which matches field name path from root Object type"
            raise LiteralError(f'unexpected type name "{name}", expected "{within}", {why}')
        end = _closing(expression, found.end() - 1)
        out.append(_map(expression[found.end() : end], name))
        at = end + 1
    return "".join(out)


def _continues_a_word(text: str, at: int) -> bool:
    return at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")


def _map(body: str, type_name: str) -> str:
    entries = []
    for entry in _entries(body):
        field = _FIELD.match(entry)
        if not field:
            raise LiteralError(f"expected a field name in {type_name}{{…}}, got {entry.strip()!r}")
        name = field[3] or _unescaped(field[2])
        inner = f"{type_name}.{field[2] or field[3]}" if type_name != "JSONPatch" else ""
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        entries.append(f'{field[1]}"{quoted}":{as_maps(entry[field.end() :], inner)}')
    return "{" + ",".join(entries) + "}"


def _unescaped(name: str) -> str:
    return re.sub("|".join(_ESCAPES), lambda m: _ESCAPES[m[0]], name)


def _closing(text: str, opening: int) -> int:
    """Where the bracket at `opening` is closed. Raises LiteralError."""
    stack: list[str] = []
    at = opening
    while at < len(text):
        quoted = _STRING.match(text, at)
        if quoted and not _continues_a_word(text, at):
            at = quoted.end()
            continue
        if text[at] in _PAIRS:
            stack.append(_PAIRS[text[at]])
        elif stack and text[at] == stack[-1]:
            stack.pop()
            if not stack:
                return at
        at += 1
    raise LiteralError(f"'{text[opening]}' is never closed")


def _entries(body: str) -> list[str]:
    """What stands between the commas of a literal; a last comma may follow."""
    entries: list[str] = []
    start = at = 0
    while at < len(body):
        quoted = _STRING.match(body, at)
        if quoted and not _continues_a_word(body, at):
            at = quoted.end()
        elif body[at] in _PAIRS:
            at = _closing(body, at) + 1
        elif body[at] == ",":
            entries.append(body[start:at])
            start = at = at + 1
        else:
            at += 1
    entries.append(body[start:])
    return [e for e in entries if e.strip()]
