"""Reading a Dockerfile: lines into instructions and stages, variables into their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

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
_HEREDOC = re.compile(r"[0-9]*<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.-]*)\2((?:[>|&;)].*)?)")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(:?[-+])?)")


class BuildError(ImageFailure):
    """The text names the line."""


@dataclass(frozen=True)
class Document:
    """A here-document. is_literal: its name is in quotes, and variables in it are left alone."""

    name: str
    text: str
    is_literal: bool = False


@dataclass(frozen=True)
class Instruction:
    """One instruction. text: what stands behind keyword and flags; words: the JSON list, None for the shell form. A flag
    that may be repeated (--mount) has a line for each."""

    line: int
    keyword: str
    text: str
    flags: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] | None = None
    documents: tuple[Document, ...] = ()

    @property
    def script(self) -> str:
        """What a shell is given of RUN: the line with its here-documents, or the only one where there is nothing else."""
        if len(self.documents) == 1 and (m := _HEREDOC.fullmatch(self.text)) and not m[4]:
            return self.documents[0].text
        return self.text + "".join(f"\n{d.text}{d.name}" for d in self.documents)

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
    for line, joined, documents in logical_lines(text):
        one = replace(instruction(line, joined), documents=documents)
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


def logical_lines(text: str) -> list[tuple[int, str, tuple[Document, ...]]]:
    """(number of the first line, lines joined where they are continued, here-documents below them), without comments and
    empty lines. Raises BuildError."""
    escape, found = _escape(text), []
    begun, joined, i = 0, "", 0
    lines = text.removeprefix("\ufeff").splitlines()
    while i < len(lines):
        line, stripped = lines[i], lines[i].strip()
        i += 1
        if stripped.startswith("#") or not stripped:
            continue
        begun = begun or i
        if stripped.endswith(escape):
            joined += line.rstrip()[: -len(escape)]
            continue
        whole, documents = (joined + line).strip(), []
        for dash, name, is_literal in _markers(whole):
            document, i = _document(begun, lines, i, name, is_literal, bool(dash))
            documents.append(document)
        found.append((begun, whole, tuple(documents)))
        begun, joined = 0, ""
    if joined.strip():
        found.append((begun, joined.strip(), ()))
    return found


def _markers(line: str) -> list[tuple[str, str, bool]]:
    """(dash, name, whether it is in quotes) of the here-documents that a RUN, COPY or ADD begins."""
    if "<<" not in line or line.split(None, 1)[0].upper() not in ("RUN", "COPY", "ADD"):
        return []
    try:
        words = split(Instruction(0, "", line))
    except BuildError:
        return []
    found = (_HEREDOC.fullmatch(word) for word in words)
    return [(m[1], m[3], bool(m[2])) for m in found if m]


def _document(begun: int, lines: list[str], i: int, name: str, is_literal: bool, dash: bool) -> tuple[Document, int]:
    """The here-document that begins at line `i`, and the line behind it. Raises BuildError."""
    kept = []
    while i < len(lines):
        line = lines[i].lstrip("\t") if dash else lines[i]
        i += 1
        if line == name:
            return Document(name, "".join(f"{k}\n" for k in kept), is_literal), i
        kept.append(line)
    raise BuildError(f"line {begun}: the here-document {name} has no end")


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
        raise BuildError(
            f"line {line}: unknown instruction: {keyword if keyword.isprintable() else ascii(keyword)[:40]}"
        )
    flags: dict[str, str] = {}
    while keyword not in ("ENV", "LABEL", "ARG") and (flag := _FLAG.match(rest)):
        value = flag[2] if flag[2] is not None else "true"
        flags[flag[1]] = f"{flags[flag[1]]}\n{value}" if flag[1] == "mount" and "mount" in flags else value
        rest = rest[flag.end() :]
    one = Instruction(line, keyword, rest, flags)
    if not rest:
        raise one.failure("nothing follows it")
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


def expand_text(one: Instruction, text: str, values: Mapping[str, str]) -> str:
    """A here-document: variables are replaced, all else stays. Raises BuildError."""
    out, i = [], 0
    while i < len(text):
        if text.startswith("\\$", i):
            out.append("$")
            i += 2
        elif found := _VARIABLE.match(text, i):
            end = found.end() if found[1] else _closing(text, found.end())
            out.append(expand(one, text[i:] if end < 0 else text[i:end], values))
            i = end
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def without_markers(text: str) -> str:
    """`<<EOF` as the file that it stands for."""
    return " ".join(
        m[3] + m[4] if (m := _HEREDOC.fullmatch(word)) else word for word in split(Instruction(0, "", text))
    )


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
