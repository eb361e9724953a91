"""What Go's encoding/json says about a text that is no JSON. Only asked when Python's own parser has refused it."""

from __future__ import annotations

_BLANKS = b" \t\r\n"
_HEX = b"0123456789abcdefABCDEF"
_ESCAPED = b'bfnrt\\/"'


class _Wrong(Exception):
    def __init__(self, offset: int, message: str):
        super().__init__(message)
        self.offset, self.message = offset, message


def syntax_error(text: str) -> tuple[int, str]:
    """(bytes read when the error was noticed, message) for the first value of `text`; offset 0 when it just ends."""
    try:
        _Scanner(text.encode("utf-8", "surrogatepass")).value("looking for beginning of value")
    except _Wrong as e:
        return e.offset, e.message
    except RecursionError:
        return 0, "exceeded max depth"
    return 0, "unexpected end of JSON input"


class _Scanner:
    """Walks over one value and stops at the first byte that Go would not take."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def blanks(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in _BLANKS:
            self.at += 1

    def peek(self) -> int:
        if self.at >= len(self.data):
            raise _Wrong(0, "unexpected EOF")
        return self.data[self.at]

    def wrong(self, where: str) -> _Wrong:
        return _Wrong(self.at + 1, f"invalid character {quoted(self.peek())} {where}")

    def value(self, where: str) -> None:
        self.blanks()
        char = self.peek()
        if char == ord("{"):
            self.object()
        elif char == ord("["):
            self.array()
        elif char == ord('"'):
            self.string()
        elif char in b"-0123456789":
            self.number()
        elif char in b"tfn":
            self.literal({116: b"true", 102: b"false", 110: b"null"}[char])
        else:
            raise self.wrong(where)

    def object(self) -> None:
        self.at += 1
        self.blanks()
        if self.peek() == ord("}"):
            self.at += 1
            return
        while True:
            self.blanks()
            if self.peek() != ord('"'):
                raise self.wrong("looking for beginning of object key string")
            self.string()
            self.expect(b":", "after object key")
            self.value("looking for beginning of value")
            if self.expect(b",}", "after object key:value pair") == ord("}"):
                return

    def array(self) -> None:
        self.at += 1
        self.blanks()
        if self.peek() == ord("]"):
            self.at += 1
            return
        while True:
            self.value("looking for beginning of value")
            if self.expect(b",]", "after array element") == ord("]"):
                return

    def expect(self, allowed: bytes, where: str) -> int:
        self.blanks()
        char = self.peek()
        if char not in allowed:
            raise self.wrong(where)
        self.at += 1
        return char

    def string(self) -> None:
        self.at += 1
        while True:
            char = self.peek()
            if char < 0x20:
                raise self.wrong("in string literal")
            self.at += 1
            if char == ord('"'):
                return
            if char == ord("\\"):
                self.escape()

    def escape(self) -> None:
        char = self.peek()
        if char == ord("u"):
            for _ in range(4):
                self.at += 1
                if self.peek() not in _HEX:
                    raise self.wrong("in \\u hexadecimal character escape")
        elif char not in _ESCAPED:
            raise self.wrong("in string escape code")
        self.at += 1

    def number(self) -> None:
        if self.peek() == ord("-"):
            self.at += 1
            if self.peek() not in b"0123456789":
                raise self.wrong("in numeric literal")
        if self.peek() == ord("0"):
            self.at += 1
        else:
            self.digits()
        if self.at < len(self.data) and self.data[self.at] == ord("."):
            self.at += 1
            if self.peek() not in b"0123456789":
                raise self.wrong("after decimal point in numeric literal")
            self.digits()
        if self.at < len(self.data) and self.data[self.at] in b"eE":
            self.at += 1
            if self.peek() in b"+-":
                self.at += 1
            if self.peek() not in b"0123456789":
                raise self.wrong("in exponent of numeric literal")
            self.digits()

    def digits(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in b"0123456789":
            self.at += 1

    def literal(self, word: bytes) -> None:
        for expected in word:
            if self.peek() != expected:
                raise self.wrong(f"in literal {word.decode()} (expecting '{chr(expected)}')")
            self.at += 1


def quoted(byte: int) -> str:
    """A byte as Go shows it in messages: `'x'`, `'\\n'`, `'\\''`."""
    if byte == ord("'"):
        return "'\\''"
    escapes = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 92: "\\\\"}
    if byte in escapes:
        return f"'{escapes[byte]}'"
    return f"'\\x{byte:02x}'" if byte < 0x20 or byte == 0x7F else f"'{chr(byte)}'"
