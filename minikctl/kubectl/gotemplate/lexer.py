"""Templates into tokens: text, delimiters and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.util.go_format import quote, unicode

LEFT, RIGHT = "{{", "}}"
_SPACES = " \t\r\n"
_TERMINATORS = ".,|:()"
KEYWORDS = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with", ".")
)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a template.

    kind: text, left, right, space, assign, declare, pipe, open, close, char, string, rawstring, charconstant, number,
    bool, identifier, field, variable, keyword (its word is the value), error, eof.
    """

    kind: str
    value: str
    position: int
    line: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.value
        if self.kind == "keyword":
            return f"<{self.value}>"
        return f"{quote(self.value[:10])}..." if len(self.value) > 10 else quote(self.value)

    def is_keyword(self, *words: str) -> bool:
        return self.kind == "keyword" and self.value in words


class _Stop(Exception):
    """Nothing can be read beyond this point; the argument is the message."""


def tokens(text: str) -> Iterator[Token]:
    """All tokens; the last is `eof`, or `error` with Go's message."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str):
        self.text = text
        self.at = self.start = 0
        self.depth = 0

    def run(self) -> Iterator[Token]:
        try:
            while self.at < len(self.text):
                yield from self.plain_text()
            yield self.token("eof")
        except _Stop as stop:
            yield Token("error", str(stop), self.start, self.line(self.start))

    def line(self, position: int) -> int:
        return 1 + self.text.count("\n", 0, position)

    def token(self, kind: str) -> Token:
        made = Token(kind, self.text[self.start : self.at], self.start, self.line(self.start))
        self.start = self.at
        return made

    # ------------------------------------------------------------------ text and delimiters

    def plain_text(self) -> Iterator[Token]:
        found = self.text.find(LEFT, self.at)
        self.at = len(self.text) if found < 0 else found
        piece = self.text[self.start : self.at]
        trimmed = piece.rstrip(_SPACES) if found >= 0 and self.left_trim(found + 2) else piece
        if trimmed:
            yield Token("text", trimmed, self.start, self.line(self.start))
        self.start = self.at
        if found >= 0:
            yield from self.action()

    def left_trim(self, position: int) -> bool:
        return self.text[position : position + 1] == "-" and self.text[position + 1 : position + 2] in tuple(_SPACES)

    def at_right(self) -> tuple[bool, bool]:
        """(the closing delimiter is here, and it trims)."""
        here = self.text[self.at : self.at + 4]
        if len(here) == 4 and here[0] in _SPACES and here[1:] == "-" + RIGHT:
            return True, True
        return here.startswith(RIGHT), False

    def action(self) -> Iterator[Token]:
        after = 2 if self.left_trim(self.at + 2) else 0
        if self.text.startswith("/*", self.at + 2 + after):
            self.comment(self.at + 2 + after)
            return
        self.at += 2
        yield self.token("left")
        self.at += after
        self.start = self.at
        self.depth = 0
        while True:
            is_end, trims = self.at_right()
            if is_end:
                if self.depth:
                    raise _Stop("unclosed left paren")
                yield self.close(trims)
                return
            yield from self.inside()

    def close(self, trims: bool) -> Token:
        self.at += 2 if trims else 0
        self.start = self.at
        self.at += 2
        made = self.token("right")
        if trims:
            self.skip_spaces()
        return made

    def skip_spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACES:
            self.at += 1
        self.start = self.at

    def comment(self, begin: int) -> None:
        end = self.text.find("*/", begin + 2)
        if end < 0:
            self.start = begin
            raise _Stop("unclosed comment")
        self.at = end + 2
        is_end, trims = self.at_right()
        if not is_end:
            raise _Stop("comment ends before closing delimiter")
        self.at += 4 if trims else 2
        self.start = self.at
        if trims:
            self.skip_spaces()

    # ------------------------------------------------------------------ inside an action

    def inside(self) -> Iterator[Token]:
        char = self.text[self.at : self.at + 1]
        if not char:
            raise _Stop("unclosed action")
        if char in _SPACES:
            yield from self.spaces()
        elif char == ":":
            if self.text[self.at + 1 : self.at + 2] != "=":
                raise _Stop("expected :=")
            self.at += 2
            yield self.token("declare")
        elif char in "=|":
            self.at += 1
            yield self.token("assign" if char == "=" else "pipe")
        elif char in "\"'`":
            yield self.quoted(char)
        elif char == "$" or (char == "." and not self.text[self.at + 1 : self.at + 2].isdecimal()):
            yield self.field_or_variable(char)
        elif char in "+-." or (char.isascii() and char.isdecimal()):
            yield self.number()
        elif char == "_" or char.isalnum():
            yield self.word()
        elif char in "()":
            yield self.paren(char)
        elif char.isascii() and char.isprintable():
            self.at += 1
            yield self.token("char")
        else:
            raise _Stop(f"unrecognized character in action: {unicode(char)}")

    def spaces(self) -> Iterator[Token]:
        while self.at < len(self.text) and self.text[self.at] in _SPACES:
            if self.at_right()[0]:
                break
            self.at += 1
        if self.at > self.start:
            yield self.token("space")

    def paren(self, char: str) -> Token:
        self.at += 1
        self.depth += 1 if char == "(" else -1
        if self.depth < 0:
            raise _Stop("unexpected right paren")
        return self.token("open" if char == "(" else "close")

    def quoted(self, quote: str) -> Token:
        self.at += 1
        if quote == "`":
            end = self.text.find("`", self.at)
            if end < 0:
                raise _Stop("unterminated raw quoted string")
            self.at = end + 1
            return self.token("rawstring")
        what = "quoted string" if quote == '"' else "character constant"
        while True:
            char = self.text[self.at : self.at + 1]
            self.at += 1
            if char == "\\" and self.text[self.at : self.at + 1] not in ("", "\n"):
                self.at += 1
            elif char in ("", "\n", "\\"):
                raise _Stop(f"unterminated {what}")
            elif char == quote:
                return self.token("string" if quote == '"' else "charconstant")

    def at_terminator(self) -> bool:
        char = self.text[self.at : self.at + 1]
        return not char or char in _SPACES or char in _TERMINATORS or self.text.startswith(RIGHT, self.at)

    def field_or_variable(self, char: str) -> Token:
        self.at += 1
        if self.at_terminator():
            return self.token("variable" if char == "$" else "keyword")
        found = _WORD.match(self.text, self.at)
        self.at = found.end() if found else self.at
        self.check_terminated()
        return self.token("variable" if char == "$" else "field")

    def check_terminated(self) -> None:
        if not self.at_terminator():
            raise _Stop(f"bad character {unicode(self.text[self.at])}")

    def word(self) -> Token:
        found = _WORD.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1
        self.check_terminated()
        word = self.text[self.start : self.at]
        if word in KEYWORDS:
            return self.token("keyword")
        return self.token("bool" if word in ("true", "false") else "identifier")

    def number(self) -> Token:
        found = _NUMBER.match(self.text, self.at)
        self.at = found.end() if found else self.at
        after = self.text[self.at : self.at + 1]
        if after and (after == "_" or after.isalnum()):
            self.at += 1
            raise _Stop(f"bad number syntax: {quote(self.text[self.start : self.at])}")
        return self.token("number")
