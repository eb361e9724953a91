"""Reading a Dockerfile: lines into instructions and stages, variables into their values. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
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
_VARIABLE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(?:(:?[-+])([^}}]*))?\}})")


class BuildError(ImageFailure):
    """The text names the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction. text: what stands behind keyword and flags; words: the JSON list, None for the shell form."""

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
    if keyword not in KEYWORDS:
        raise BuildError(f"line {line}: unknown instruction: {keyword}")
    flags: dict[str, str] = {}
    while keyword not in ("ENV", "LABEL", "ARG") and (flag := _FLAG.match(rest)):
        flags[flag[1]] = flag[2] if flag[2] is not None else "true"
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


def expand(text: str, values: Mapping[str, str], escape: str = "\\") -> str:
    """`$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; `\\$` stays a dollar; nothing inside single quotes."""
    out, i, quoted = [], 0, False
    while i < len(text):
        char = text[i]
        if char == "'":
            quoted = not quoted
        elif char == escape and not quoted and text[i + 1 : i + 2] == "$":
            out.append("$")
            i += 2
            continue
        elif char == "$" and not quoted and (found := _VARIABLE.match(text, i)):
            out.append(_value(found, values))
            i = found.end()
            continue
        out.append(char)
        i += 1
    return "".join(out)


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    name, operator, other = found[1] or found[2], found[3] or "", found[4] or ""
    value = values.get(name)
    is_set = value is not None and not (operator.startswith(":") and not value)
    if operator.endswith("-"):
        return value or "" if is_set else other
    if operator.endswith("+"):
        return other if is_set else ""
    return value or ""


def pairs(one: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    """`A=1 B="two words"`, or `A one value` in the old form. Raises BuildError."""
    first = one.text.split(None, 1)[0]
    if "=" not in first:
        name, _, value = one.text.partition(" ")
        if not value.strip():
            raise one.failure(f"{name} has no value")
        return {name: expand(value.strip(), values)}
    found = {}
    for word in split(one, expand(one.text, values)):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise one.failure(f"{word!r} is not NAME=VALUE")
        found[name] = value
    return found


def split(one: Instruction, text: str) -> list[str]:
    """Words as a shell splits them. Raises BuildError."""
    try:
        return shlex.split(text)
    except ValueError as e:
        raise one.failure(str(e).lower()) from None


def arguments(one: Instruction, values: Mapping[str, str]) -> dict[str, str | None]:
    """The names that ARG declares, with their defaults."""
    found: dict[str, str | None] = {}
    for word in split(one, expand(one.text, values)):
        name, equals, value = word.partition("=")
        if not re.fullmatch(_NAME, name):
            raise one.failure(f"{word!r} is no name")
        found[name] = value if equals else None
    return found
