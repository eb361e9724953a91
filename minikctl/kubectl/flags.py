"""Flags as kubectl reads them (pflag): parsing is pure, and errors are pflag's.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, grouped shorthands (`-it`), flags between and after
arguments, `--` ends flags. Booleans take no separate value (`--watch=false`, never `--watch false`), and neither do
options with `no_value` (`--dry-run`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.durations import parse_go_duration
from minikctl.util.errors import UsageError

STRING, BOOL, INT, INT32, FLOAT, DURATION, LIST, ARRAY, COUNT = (
    "string",
    "bool",
    "int",
    "int32",
    "float",
    "duration",
    "strings",
    "stringArray",
    "count",
)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_ZERO: dict[str, Any] = {
    STRING: "",
    BOOL: False,
    INT: 0,
    INT32: 0,
    FLOAT: 0.0,
    DURATION: 0.0,
    LIST: [],
    ARRAY: [],
    COUNT: 0,
}


@dataclass(frozen=True)
class Option:
    """One flag, declared as data.

    type: one of the constants above; `strings` splits at commas, `stringArray` does not.
    no_value: what the flag means when it stands alone (`--dry-run` → unchanged); such a flag needs `=` for a value.
    complete: what completes its value (see `minikctl.kubectl.completion`).
    """

    name: str
    type: str = STRING
    short: str = ""
    default: Any = None
    help: str = ""
    no_value: str | None = None
    required: bool = False
    hidden: bool = False
    deprecated: str = ""
    complete: Any = ()

    @property
    def initial(self) -> Any:
        return _ZERO[self.type] if self.default is None else self.default

    @property
    def alone(self) -> str | None:
        """The value of the flag without `=`, None when it takes the next word."""
        return "true" if self.type == BOOL and self.no_value is None else self.no_value

    @property
    def shown(self) -> str:
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


class Flags:
    """Parsed flags: attributes with dashes as underscores; `changed` tells what was given."""

    def __init__(self, options: Iterable[Option]):
        self._options = {o.name: o for o in options}
        self._given: dict[str, None] = {}
        self._values = {o.name: o.initial for o in self._options.values()}

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name.replace("_", "-")]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def changed(self, name: str) -> bool:
        return name in self._given

    def set(self, name: str, value: Any, *, given: bool = True) -> None:
        self._values[name] = value
        if given:
            self._given[name] = None

    def given(self) -> list[str]:
        """The names of the flags that were given, in their order."""
        return list(self._given)


@dataclass
class Parsed:
    """Positional arguments, flags as (option, text) in order, and how many arguments stood before `--` (-1: none)."""

    args: list[str] = field(default_factory=list)
    flags: list[tuple[Option, str]] = field(default_factory=list)
    dash: int = -1
    help: bool = False


class _Table:
    def __init__(self, options: Iterable[Option]):
        self.long: dict[str, Option] = {}
        self.short: dict[str, Option] = {}
        for option in options:
            self.long[option.name] = option
            if option.short:
                self.short[option.short] = option


def scan(options: Iterable[Option], argv: Sequence[str], *, stop_at_word: bool = False) -> tuple[Parsed, list[str]]:
    """Split a command line into flags and arguments; with `stop_at_word`, up to the first argument.

    Returns what was found and what is left. Raises UsageError with pflag's message.
    """
    table, out, rest = _Table(options), Parsed(), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            out.dash = len(out.args)
            out.args += rest
            return out, []
        if word.startswith("--"):
            _long(table, word, rest, out)
        elif word.startswith("-") and len(word) > 1:
            _short(table, word, rest, out)
        elif stop_at_word:
            return out, [word, *rest]
        else:
            out.args.append(word)
        if out.help:
            return out, rest
    return out, []


def _long(table: _Table, word: str, rest: list[str], out: Parsed) -> None:
    name, equals, value = word[2:].partition("=")
    if not name or name[0] in "-=":
        raise UsageError(f"bad flag syntax: {word}")
    option = table.long.get(name) or table.long.get(name.replace("_", "-"))
    if option is None:
        if name == "help":
            out.help = True
            return
        raise UsageError(f"unknown flag: --{name}")
    if equals:
        out.flags.append((option, value))
    elif option.alone is not None:
        out.flags.append((option, option.alone))
    elif rest:
        out.flags.append((option, rest.pop(0)))
    else:
        raise UsageError(f"flag needs an argument: --{name}")


def _short(table: _Table, word: str, rest: list[str], out: Parsed) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = table.short.get(letter)
        if option is None:
            if letter == "h":
                out.help = True
                return
            raise UsageError(f"unknown shorthand flag: '{letter}' in {word}")
        if letters.startswith("="):
            out.flags.append((option, letters[1:]))
            return
        if option.alone is not None:
            out.flags.append((option, option.alone))
        elif letters:
            out.flags.append((option, letters))
            return
        elif rest:
            out.flags.append((option, rest.pop(0)))
            return
        else:
            raise UsageError(f"flag needs an argument: '{letter}' in {word}")


def bind(options: Iterable[Option], found: Iterable[tuple[Option, str]]) -> Flags:
    """The typed values of flags. Raises UsageError for texts that do not fit a flag's type."""
    flags = Flags(options)
    for option, text in found:
        try:
            value = convert(option, text)
        except ValueError as e:
            raise UsageError(f'invalid argument "{text}" for "{option.shown}" flag: {e}') from None
        if option.type in (LIST, ARRAY):
            value = [*flags.get(option.name), *value] if flags.changed(option.name) else value
        elif option.type == COUNT:
            value += flags.get(option.name)
        flags.set(option.name, value)
    return flags


def convert(option: Option, text: str) -> Any:
    """One flag's text as its type. Raises ValueError with Go's message."""
    match option.type:
        case "bool":
            if text in _TRUE or text in _FALSE:
                return text in _TRUE
            raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
        case "int" | "int32" | "count":
            return _integer(text, 31 if option.type == INT32 else 63)
        case "float":
            try:
                return float(text)
            except ValueError:
                raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None
        case "duration":
            return parse_go_duration(text)
        case "strings":
            return next(csv.reader([text]), []) if text else []
        case "stringArray":
            return [text]
    return text


def _integer(text: str, bits: int) -> int:
    if not re.fullmatch("[-+]?[0-9]+", text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text)
    if not -(2**bits) <= value < 2**bits:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def require(options: Iterable[Option], flags: Flags) -> None:
    """Raises UsageError naming required flags that were not given."""
    missing = [f'"{o.name}"' for o in options if o.required and not flags.changed(o.name)]
    if missing:
        raise UsageError(f"required flag(s) {', '.join(missing)} not set")
