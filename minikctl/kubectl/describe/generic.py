"""Any kind without a description of its own: its fields in order of their names, with titles made from them."""

from __future__ import annotations

import re
from typing import Any

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import go
from minikctl.kubectl.describe.writer import Writer

_SHOWN_ABOVE = frozenset(
    {".metadata.managedFields", ".metadata.name", ".metadata.namespace", ".metadata.labels", ".metadata.annotations"}
)
_ACRONYMS = frozenset({"API", "URL", "UID", "GUID"})
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|-+")


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj)
    _fields(about.obj, w, 0, "")
    about.events(w)


def _fields(content: dict[str, Any], w: Writer, level: int, path: str) -> None:
    for field, value in sorted(content.items()):
        where = f"{path}.{field}"
        if where in _SHOWN_ABOVE:
            continue
        if isinstance(value, dict):
            w.line(level, f"{title(field)}:")
            _fields(value, w, level + 1, where)
        elif isinstance(value, list):
            w.line(level, f"{title(field)}:")
            for item in value:
                if isinstance(item, dict):
                    _fields(item, w, level + 1, where)
                else:
                    w.line(level + 1, go(item))
        else:
            w.field(level, title(field), go(value))


def title(field: str) -> str:
    """`creationTimestamp` → Creation Timestamp, `apiVersion` → API Version; names with other characters stay."""
    if any(not (c.isalpha() or c == "-") for c in field):
        return field
    parts: list[str] = []
    for word in _WORDS.findall(field):
        if parts and len(parts[-1]) > 1 and parts[-1].isupper() and word[0].isupper():
            parts[-1] += word
        else:
            parts.append(word)
    return " ".join(_capital(p) for p in parts)


def _capital(word: str) -> str:
    if word.upper() in _ACRONYMS:
        return word.upper()
    return word[:1].upper() + word[1:] if word.islower() else word
