"""JSONPath templates into nodes. Source: client-go `util/jsonpath/parser.go`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from minikctl.util import go_format


class JSONPathError(ValueError):
    """The template is malformed, or cannot be carried out on this object; the message is client-go's."""


@dataclass
class Node:
    """One step. `kind` is one of text, field, identifier, value, wildcard, recursive, array, union, filter, list."""

    kind: str
    value: Any = None
    nodes: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)


_DICT_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_FILTER = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.S)
_TERMINATORS = " \t\r\n.,[]$@{}"


def parse(text: str) -> list[Node]:
    """The nodes of a template. Raises JSONPathError."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str):
        self.text, self.at, self.start = text, 0, 0
        self.root: list[Node] = []

    def parse(self) -> list[Node]:
        while self.at < len(self.text):
            brace = self.text.find("{", self.at)
            end = len(self.text) if brace < 0 else brace
            if end > self.at:
                self.root.append(Node("text", self.text[self.at : end]))
            self.at = end
            if brace >= 0:
                self.at += 1
                self.root.append(Node("list", nodes=self.action()))
        return self.root

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def action(self) -> list[Node]:
        """Everything up to the closing brace."""
        out: list[Node] = []
        while True:
            if self.text.startswith("}", self.at):
                self.at += 1
                return out
            if self.text.startswith("[?(", self.at):
                out.append(self.filter())
                continue
            if self.text.startswith("..", self.at):
                self.recursive(out)
                continue
            char = self.peek()
            self.at += 1
            if char == "" or char in "\r\n":
                raise JSONPathError("unclosed action")
            if char in " @$":
                continue
            if char == "[":
                self.array(out)
            elif char in "\"'":
                out.append(self.quoted(char))
            elif char == ".":
                out.append(self.field())
            elif char in "+-" or char.isdecimal():
                self.at -= 1
                out.append(self.number())
            elif char == "_" or char.isalpha():
                self.at -= 1
                out.append(self.identifier())
            else:
                raise JSONPathError(f"unrecognized character in action: {go_format.unicode(char)}")

    def recursive(self, out: list[Node]) -> None:
        if out and out[-1].kind == "recursive":
            raise JSONPathError("invalid multiple recursive descent")
        self.at += 2
        out.append(Node("recursive"))
        char = self.peek()
        if char and (char == "_" or char.isalpha() or char.isdecimal()):
            out.append(self.field())

    def field(self) -> Node:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in _TERMINATORS:
            self.at += 2 if self.text[self.at] == "\\" else 1
        self.at = min(self.at, len(self.text))
        name = self.text[begin : self.at]
        return Node("wildcard") if name == "*" else Node("field", name.replace("\\", ""))

    def identifier(self) -> Node:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in _TERMINATORS:
            self.at += 1
        word = self.text[begin : self.at]
        return Node("value", word == "true") if word in ("true", "false") else Node("identifier", word)

    def number(self) -> Node:
        begin = self.at
        if self.peek() in "+-":
            self.at += 1
        while self.peek() and (self.peek() == "." or self.peek().isdecimal()):
            self.at += 1
        word = self.text[begin : self.at]
        if re.fullmatch(r"[+-]?\d+", word):
            return Node("value", go_format.Int(word))
        try:
            return Node("value", float(word))
        except ValueError:
            raise JSONPathError(f"cannot parse number {word}") from None

    def quoted(self, end: str) -> Node:
        begin = self.at - 1
        while True:
            char = self.peek()
            self.at += 1
            if char == "" or char == "\n":
                raise JSONPathError("unterminated quoted string")
            if char == end and self.text[self.at - 2] != "\\":
                break
        word = self.text[begin : self.at]
        try:
            return Node("text", go_format.unquote(word[1:-1], end))
        except ValueError:
            raise JSONPathError(f"unquote string {word} error invalid syntax") from None

    def array(self, out: list[Node]) -> None:
        begin = self.at
        while True:
            char = self.peek()
            self.at += 1
            if char == "" or char == "\n":
                raise JSONPathError("unterminated array")
            if char == "]":
                break
        text = self.text[begin : self.at - 1]
        text = ":" if text == "*" else text
        parts = text.split(",")
        if len(parts) > 1:
            out.append(Node("union", nodes=[Node("list", nodes=_inner(f"[{p.strip(' ')}]")) for p in parts]))
        elif m := _DICT_KEY.fullmatch(text):
            out += _inner(f".{m[1]}")
        else:
            out.append(_slice(text))

    def filter(self) -> Node:
        self.at += 3
        begin = self.at
        opened = closed = False
        pair = ""
        while True:
            char = self.peek()
            self.at += 1
            if char == "" or char == "\n":
                raise JSONPathError("unterminated filter")
            if char in "\"'":
                if not opened:
                    opened, pair = True, char
                elif self.text[self.at - 2] != "\\" and char == pair:
                    closed = True
            elif char == ")" and opened == closed:
                break
        if self.peek() != "]":
            raise JSONPathError("unclosed array expect ]")
        text = self.text[begin : self.at - 1]
        self.at += 1
        m = _FILTER.fullmatch(text)
        if m is None:
            return Node("filter", "exists", _inner(text))
        return Node("filter", m[2], _inner(m[1]), _inner(m[3]))


def _inner(text: str) -> list[Node]:
    """The nodes of one action's text."""
    first = parse("{" + text + "}")[0]
    return first.nodes


def _slice(text: str) -> Node:
    """`[3]`, `[1:4]`, `[::2]`: (value, known, derived) three times."""
    m = _SLICE.fullmatch(text)
    if m is None:
        raise JSONPathError(f"invalid array index {text}")
    params: list[tuple[int, bool, bool]] = []
    for i, given in enumerate(m.groups()):
        if given:
            digits = given[1:] if i else given
            try:
                params.append((int(digits), True, False) if digits or not i else (0, False, False))
            except ValueError:
                raise JSONPathError(f"array index {digits} is not a number") from None
        else:
            params.append((params[0][0] + 1, True, True) if i == 1 else (0, False, False))
    return Node("array", params)
