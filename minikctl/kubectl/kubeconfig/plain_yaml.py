"""Reads what kubectl writes without a YAML library: every command reads a kubeconfig, and importing one costs 30 ms."""

from __future__ import annotations

import re
from typing import Any


class _NotPlain(Exception):
    """The text uses more of YAML than kubectl writes."""


def parse(text: str) -> Any:
    """A YAML or JSON text. What kubectl writes is read without a YAML library. Raises ValueError."""
    if text.lstrip().startswith("{"):
        import json

        return json.loads(text)
    try:
        return _Plain(text).document()
    except _NotPlain:
        from minikctl.kubectl import yaml_in

        return yaml_in.loads(text)


_LINE = re.compile(r"^( *)((?:- )*)(?:([A-Za-z][A-Za-z0-9_.@/-]*):(?: (.*))?|(.*))$")
_PLAIN = re.compile(r"^(?:[A-Za-z/][A-Za-z0-9_./@+=:-]*|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")
_NAMED: dict[str, Any] = {"null": None, "true": True, "false": False, "{}": {}, "[]": [], '""': ""}
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})


class _Plain:
    """Block mappings, block lists and scalars on one line: kubectl's way of writing. Anything else is _NotPlain."""

    def __init__(self, text: str):
        self.lines: list[tuple[int, str, str | None]] = []
        for raw in text.splitlines():
            if raw.strip() and not raw.startswith("#"):
                self._split(raw)
        self.at = 0

    def _split(self, raw: str) -> None:
        """One (indent, key or `-`, value) for each level that the line opens."""
        match = _LINE.match(raw)
        if match is None or "\t" in raw:
            raise _NotPlain
        indent = len(match[1])
        for _ in range(len(match[2]) // 2):
            self.lines.append((indent, "-", None))
            indent += 2
        if match[3] is not None:
            self.lines.append((indent, match[3], match[4]))
        elif match[2] and match[5]:
            self.lines.append((indent, "", match[5]))
        else:
            raise _NotPlain

    def document(self) -> Any:
        if not self.lines:
            return None
        value = self._block(self.lines[0][0])
        if self.at < len(self.lines):
            raise _NotPlain
        return value

    def _block(self, indent: int) -> Any:
        _, key, value = self.lines[self.at]
        if key == "-":
            return self._list(indent)
        if key == "":
            self.at += 1
            return _scalar(value or "")
        return self._mapping(indent)

    def _list(self, indent: int) -> list[Any]:
        out = []
        while self.at < len(self.lines) and self.lines[self.at][:2] == (indent, "-"):
            self.at += 1
            out.append(self._block(indent + 2))
        return out

    def _mapping(self, indent: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while self.at < len(self.lines):
            at, key, value = self.lines[self.at]
            if at < indent or key == "-":
                break
            if at > indent or key in out or not key:
                raise _NotPlain
            self.at += 1
            out[key] = _scalar(value) if value else self._below(indent)
        return out

    def _below(self, indent: int) -> Any:
        """What stands under a key without a value; a list may stand at the key's own indent."""
        if self.at < len(self.lines):
            at, key, _ = self.lines[self.at]
            if at > indent or (at == indent and key == "-"):
                return self._block(at)
        return None


def _scalar(text: str) -> Any:
    if text in _NAMED:
        return _NAMED[text]
    if _PLAIN.match(text) and text.lower() not in _WORDS and not text.endswith(":"):
        return text
    if text.isdigit() and (text == "0" or text[0] != "0"):
        return int(text)
    if len(text) > 1 and text[0] == text[-1] == '"' and "\\" not in text and '"' not in text[1:-1]:
        return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    raise _NotPlain
