"""fmt.Sprintf for what templates can hold: strings, booleans, int, float64, maps, lists and nil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from minikctl.util import go_format


@dataclass
class Verb:
    """One `%…` and what stands between the sign and the letter."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    letter: str = ""


def sprintf(form: str, args: Sequence[Any]) -> str:
    """The formatted text, with Go's complaints in it (`%!d(string=x)`) where a verb does not fit."""
    return _Formatter(form, args).run()


class _Formatter:
    def __init__(self, form: str, args: Sequence[Any]):
        self.form, self.args = form, args
        self.at = self.number = 0
        self.reordered = False
        self.good_index = True
        self.out: list[str] = []

    def run(self) -> str:
        while True:
            sign = self.form.find("%", self.at)
            if sign < 0:
                self.out.append(self.form[self.at :])
                break
            self.out.append(self.form[self.at : sign])
            self.at = sign + 1
            self.out.append(self.verb())
        if not self.reordered and self.number < len(self.args):
            extra = ", ".join(_complaint_value(a) for a in self.args[self.number :])
            self.out.append(f"%!(EXTRA {extra})")
        return "".join(self.out)

    def peek(self) -> str:
        return self.form[self.at : self.at + 1]

    def verb(self) -> str:
        verb = Verb()
        self.good_index, self.reordered = True, False
        self.flags(verb)
        after_index = self.index()
        after_index = self.sizes(verb, after_index)
        if not after_index:
            self.index()
        verb.letter = self.peek()
        self.at += 1
        if not verb.letter:
            return "%!(NOVERB)"
        if verb.letter == "%":
            return "%"
        if not self.good_index:
            return f"%!{verb.letter}(BADINDEX)"
        if self.number >= len(self.args):
            return f"%!{verb.letter}(MISSING)"
        self.number += 1
        return one(verb, self.args[self.number - 1])

    def flags(self, verb: Verb) -> None:
        while True:
            match self.peek():
                case "#":
                    verb.sharp = True
                case "0":
                    verb.zero = True
                case "+":
                    verb.plus = True
                case "-":
                    verb.minus = True
                case " ":
                    verb.space = True
                case _:
                    return
            self.at += 1

    def index(self) -> bool:
        """`[3]`: the argument that comes next."""
        if self.peek() != "[":
            return False
        self.reordered = True
        end = self.form.find("]", self.at)
        if end < 0:
            self.good_index = False
            self.at += 1
            return False
        text = self.form[self.at + 1 : end]
        self.at = end + 1
        if not text.isdecimal() or not 1 <= int(text) <= len(self.args):
            self.good_index = False
            return True
        self.number = int(text) - 1
        return True

    def digits(self) -> int | None:
        begin = self.at
        while self.peek().isdecimal():
            self.at += 1
        return int(self.form[begin : self.at]) if self.at > begin else None

    def star(self) -> int | None:
        self.at += 1
        value = self.args[self.number] if self.number < len(self.args) else None
        self.number += 1
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 10**6 else None

    def sizes(self, verb: Verb, after_index: bool) -> bool:
        if self.peek() == "*":
            verb.width = self.star()
            if verb.width is None:
                self.out.append("%!(BADWIDTH)")
            elif verb.width < 0:
                verb.minus, verb.width = True, -verb.width
            after_index = False
        else:
            verb.width = self.digits()
            if after_index and verb.width is not None:
                self.good_index = False
        if self.peek() == ".":
            self.at += 1
            if after_index:
                self.good_index = False
            after_index = self.index()
            if self.peek() == "*":
                verb.precision = self.star()
                if verb.precision is None or verb.precision < 0:
                    verb.precision = None
                    self.out.append("%!(BADPREC)")
                after_index = False
            else:
                verb.precision = self.digits() or 0
        return after_index


def one(verb: Verb, value: Any) -> str:
    """One argument by one verb."""
    if verb.letter == "v" and verb.plus:
        verb = replace(verb, plus=False)  # %+v is about struct fields, which there are none of
    if verb.letter == "T":
        return _pad(verb, go_format.type_name(value))
    if value is None:
        return _pad(verb, "<nil>") if verb.letter == "v" else f"%!{verb.letter}(<nil>)"
    if isinstance(value, bool):
        return _pad(verb, "true" if value else "false") if verb.letter in "tv" else _complaint(verb, value)
    if isinstance(value, int):
        return _integer(verb, value)
    if isinstance(value, float):
        return _float(verb, value)
    if isinstance(value, str):
        return _string(verb, value)
    return _compound(verb, value)


def _complaint_value(value: Any) -> str:
    return "<nil>" if value is None else f"{go_format.type_name(value)}={go_format.sprint(value)}"


def _complaint(verb: Verb, value: Any) -> str:
    """`%!d(string=x)`; the width still counts."""
    return f"%!{verb.letter}({go_format.type_name(value)}={one(replace(verb, letter='v', sharp=False), value)})"


def _pad(verb: Verb, text: str, *, zero: bool = False) -> str:
    missing = (verb.width or 0) - len(text)
    if missing <= 0:
        return text
    if verb.minus:
        return text + " " * missing
    return ("0" if zero and verb.zero else " ") * missing + text


def _string(verb: Verb, value: str) -> str:
    if verb.precision is not None and verb.letter in "svqxX":
        value = value[: verb.precision]
    match verb.letter:
        case "s":
            return _pad(verb, value, zero=True)
        case "v":
            return _pad(verb, go_format.quote(value) if verb.sharp else value, zero=True)
        case "q":
            raw = verb.sharp and "`" not in value and value.isprintable()
            return _pad(verb, f"`{value}`" if raw else go_format.quote(value), zero=True)
        case "x" | "X":
            separator = " " if verb.space else ""
            text = value.encode().hex(separator) if separator else value.encode().hex()
            prefix = "0x" if verb.sharp else ""
            text = prefix + text.replace(" ", " " + prefix) if value else ""
            return _pad(verb, text.upper() if verb.letter == "X" else text, zero=True)
    return _complaint(verb, value)


_BASES = {"b": ("b", "0b"), "o": ("o", "0"), "O": ("o", "0o"), "x": ("x", "0x"), "X": ("X", "0X"), "d": ("d", "")}


def _integer(verb: Verb, value: int) -> str:
    match verb.letter:
        case "v" | "d" | "b" | "o" | "O" | "x" | "X":
            return _digits(verb, value)
        case "c":
            return _pad(verb, chr(value) if 0 <= value < 0x110000 else "\ufffd")
        case "q":
            char = chr(value) if 0 <= value < 0x110000 else "\ufffd"
            return _pad(verb, f"'{_quoted_char(char)}'")
        case "U":
            char = f" '{chr(value)}'" if verb.sharp and chr(value).isprintable() else ""
            return _pad(verb, f"U+{value:04X}{char}")
    return _complaint(verb, value)


def _quoted_char(char: str) -> str:
    return "\\'" if char == "'" else go_format.quote(char)[1:-1].replace('\\"', '"')


def _digits(verb: Verb, value: int) -> str:
    base, prefix = _BASES["d" if verb.letter == "v" else verb.letter]
    text = format(abs(value), base)
    if verb.precision is not None:
        text = "" if verb.precision == 0 and value == 0 else text.rjust(verb.precision, "0")
    prefix = prefix if verb.sharp or verb.letter == "O" else ""
    sign = "-" if value < 0 else "+" if verb.plus else " " if verb.space else ""
    if verb.zero and not verb.minus and verb.precision is None and verb.width:
        text = text.rjust(verb.width - len(sign), "0")
    return _pad(verb, sign + prefix + text)


def _float(verb: Verb, value: float) -> str:
    letter = verb.letter
    if letter not in "veEfFgGxXb" or letter in "xXb":
        return _complaint(verb, value) if letter not in "xXb" else _pad(verb, _hex_float(letter, value))
    size = abs(value)
    if size in (float("inf"),) or value != value:
        text = "NaN" if value != value else "Inf"
    elif letter in "eE":
        text = _exponent(f"{size:.{6 if verb.precision is None else verb.precision}e}", letter)
    elif letter in "fF":
        text = f"{size:.{6 if verb.precision is None else verb.precision}f}"
    elif verb.precision is None:
        text = go_format.number(size)
    else:
        text = _exponent(f"{size:.{verb.precision or 1}g}", "e")
    if letter == "G":
        text = text.upper()
    negative = value < 0 or (value == 0 and str(value).startswith("-"))
    sign = "-" if negative else "+" if verb.plus or text == "Inf" else ""
    if not sign and verb.space:
        sign = " "
    if verb.zero and not verb.minus and verb.width and text not in ("Inf", "NaN"):
        text = text.rjust(verb.width - len(sign), "0")
    return _pad(verb, sign + text)


def _exponent(text: str, letter: str) -> str:
    return text.upper() if letter in "EG" else text


def _hex_float(letter: str, value: float) -> str:
    if letter == "b":
        mantissa, exponent = value.as_integer_ratio(), 0
        return f"{mantissa[0]}p{exponent:+d}"
    text = value.hex().replace("0x1.0000000000000p", "0x1p")
    head, _, exponent_text = text.partition("p")
    head = head.rstrip("0") if "." in head else head
    sign, digits = exponent_text[0], exponent_text[1:].rjust(2, "0")
    text = f"{head}p{sign}{digits}"
    return text.upper() if letter == "X" else text


def _compound(verb: Verb, value: Any) -> str:
    """Every element by the verb, width and all."""
    if verb.letter == "v" and verb.sharp:
        return go_format.syntax(value)
    if isinstance(value, dict):
        return "map[" + " ".join(f"{_element(verb, k)}:{_element(verb, value[k])}" for k in sorted(value)) + "]"
    return "[" + " ".join(_element(verb, v) for v in value) + "]"


def _element(verb: Verb, value: Any) -> str:
    return "<nil>" if value is None else one(verb, value)
