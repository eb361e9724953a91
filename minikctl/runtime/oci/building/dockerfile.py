"""Reading a Dockerfile: lines into instructions and stages, variables into their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from minikctl.runtime.interface import ImageFailure
from minikctl.util.jsonio import JSONError, loads

KEYWORDS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
LISTS = ("CMD", "ENTRYPOINT", "RUN", "SHELL", "VOLUME", "COPY", "ADD")
"""Instructions that may have a JSON list of words."""
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(.*?)\s*$")
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?(?:\s+|$)")
_FROM = re.compile(r"(\S+)(?:\s+[aA][sS]\s+([a-zA-Z][a-zA-Z0-9_.-]*))?\s*$")
_HEREDOC = re.compile(r"<<-?[\"']?[A-Za-z_]")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(:?[-+])?)")


class BuildError(ImageFailure):
    """The text names the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction. text: what stands behind keyword and flags; words: the JSON list, None for the shell form. A flag
    that may be repeated (--mount) has a line for each."""

    line: int
    keyword: str
    text: str
    flags: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] | None = None

    def failure(self, why: str) -> BuildError:
        return BuildError(f"line {self.line}: {self.keyword}: {why}")


@dataclass(frozen=True)
class Stage:
    """FROM and what follows it."""

    index: int
    base: Instruction
    name: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Dockerfile:
    """arguments: ARG instructions before the first FROM."""

    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]


def parse(text: str) -> Dockerfile:
    """Raises BuildError."""
    before: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for line, joined in logical_lines(text):
        one = instruction(line, joined)
        if one.keyword == "FROM":
            stages.append((one, []))
        elif stages:
            stages[-1][1].append(one)
        elif one.keyword == "ARG":
            before.append(one)
        else:
            raise one.failure("no build stage in current context: FROM comes first")
    if not stages:
        raise BuildError("line 1: the file has no FROM")
    made = [Stage(i, base, _stage_name(base), tuple(below)) for i, (base, below) in enumerate(stages)]
    return Dockerfile(tuple(before), tuple(made))


def _stage_name(base: Instruction) -> str:
    found = _FROM.fullmatch(base.text)
    if found is None:
        raise base.failure("FROM is followed by an image and, perhaps, AS and a name")
    return (found[2] or "").lower()


def base_of(base: Instruction) -> str:
    found = _FROM.fullmatch(base.text)
    assert found is not None
    return found[1]


def logical_lines(text: str) -> list[tuple[int, str]]:
    """(number of the first line, lines joined where they are continued), without comments and empty lines."""
    escape, found = _escape(text), []
    begun, joined = 0, ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and joined):
            continue
        if not stripped:
            continue
        begun = begun or number
        if stripped.endswith(escape):
            joined += line.rstrip()[: -len(escape)]
            continue
        found.append((begun, (joined + line).strip()))
        begun, joined = 0, ""
    if joined.strip():
        found.append((begun, joined.strip()))
    return found


def _escape(text: str) -> str:
    for line in text.splitlines():
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape" and directive[2] in ("\\", "`"):
            return directive[2]
    return "\\"


def instruction(line: int, text: str) -> Instruction:
    """Raises BuildError."""
    keyword, _, rest = text.partition(" ") if " " in text.split("\t")[0] else text.partition("\t")
    keyword, rest = keyword.upper(), rest.strip()
    if keyword == "ONBUILD":
        raise BuildError(f"line {line}: ONBUILD is not supported: only what this file itself does is done")
    if keyword not in KEYWORDS:
        raise BuildError(f"line {line}: unknown instruction: {keyword}")
    flags: dict[str, str] = {}
    while keyword not in ("ENV", "LABEL", "ARG") and (flag := _FLAG.match(rest)):
        value = flag[2] if flag[2] is not None else "true"
        flags[flag[1]] = f"{flags[flag[1]]}\n{value}" if flag[1] == "mount" and "mount" in flags else value
        rest = rest[flag.end() :]
    one = Instruction(line, keyword, rest, flags)
    if not rest:
        raise one.failure("nothing follows it")
    if keyword in ("RUN", "COPY", "ADD") and _HEREDOC.search(rest):
        raise one.failure("here-documents are not supported")
    return Instruction(line, keyword, rest, flags, _list(rest) if keyword in LISTS else None)


def _list(text: str) -> tuple[str, ...] | None:
    """The words of a JSON list; None for anything else: that is a command for the shell."""
    if not text.startswith("["):
        return None
    try:
        found = loads(text)
    except JSONError:
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(w, str) for w in found) else None


# ---------------------------------------------------------------------- words


def expand(one: Instruction, text: str, values: Mapping[str, str]) -> str:
    """One word as it is meant: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` replaced, but nothing inside
    single quotes nor after a backslash; quotes and backslashes taken away. What a variable brings is not looked at
    again: it may have spaces and quotes. Raises BuildError."""
    out, i, quote = [], 0, ""
    while i < len(text):
        char = text[i]
        if char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        elif char == "\\" and quote != "'" and (not quote or text[i + 1 : i + 2] in ('"', "$", "\\")):
            out.append(text[i + 1 : i + 2])
            i += 1
        elif char == "$" and quote != "'" and (found := _VARIABLE.match(text, i)):
            end = found.end() if found[1] else _closing(text, found.end())
            if end < 0 or (found[2] and not found[3] and end > found.end() + 1):
                raise one.failure(f"unsupported substitution: {text[i:].partition('}')[0]}}}")
            other = text[found.end() : end - 1]
            out.append(_value(found, values, lambda other=other: expand(one, other, values)))  # type: ignore[misc]
            i = end - 1
        else:
            out.append(char)
        i += 1
    if quote:
        raise one.failure("no closing quotation")
    return "".join(out)


def _closing(text: str, i: int) -> int:
    """Behind the brace that closes one which is open at `i`; -1 when nothing does."""
    depth = 1
    while i < len(text):
        depth += 1 if text.startswith("${", i) else -1 if text[i] == "}" else 0
        i += 1
        if not depth:
            return i
    return -1


def _value(found: re.Match[str], values: Mapping[str, str], other: Callable[[], str]) -> str:
    operator, value = found[3] or "", values.get(found[1] or found[2])
    is_set = value is not None and not (operator.startswith(":") and not value)
    if operator.endswith("-") and not is_set:
        return other()
    if operator.endswith("+"):
        return other() if is_set else ""
    return value or ""


def pairs(one: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    """`A=1 B="two words"`, or `A one value` in the old form. Raises BuildError."""
    first = one.text.split(None, 1)[0]
    if "=" not in first:
        value = one.text[len(first) :].strip()
        if not value:
            raise one.failure(f"{first} has no value")
        return {first: expand(one, value, values)}
    found = {}
    for word in split(one):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise one.failure(f"{word!r} is not NAME=VALUE")
        found[expand(one, name, values)] = expand(one, value, values)
    return found


def split(one: Instruction) -> list[str]:
    """Words, as a shell tells them apart, with their quotes. Raises BuildError."""
    found, begun, quote, text = [], -1, "", one.text + " "
    i = 0
    while i < len(text):
        char = text[i]
        if not quote and char.isspace():
            if begun >= 0:
                found.append(text[begun:i])
            begun = -1
        else:
            begun = i if begun < 0 else begun
            if char == quote:
                quote = ""
            elif char in "'\"" and not quote:
                quote = char
            elif char == "\\" and quote != "'":
                i += 1
        i += 1
    if quote:
        raise one.failure("no closing quotation")
    return found


def arguments(one: Instruction, values: Mapping[str, str]) -> dict[str, str | None]:
    """The names that ARG declares, with their defaults. A default may use the names before it."""
    found: dict[str, str | None] = {}
    for word in split(one):
        name, equals, value = word.partition("=")
        if not re.fullmatch(_NAME, name):
            raise one.failure(f"{word!r} is no name")
        known = {**values, **{k: v for k, v in found.items() if v is not None}}
        found[name] = expand(one, value, known) if equals else None
    return found
