"""Colours on a terminal, as kubecolor gives them: tables, descriptions, YAML and JSON, and what commands report.

Never on a pipe or in a file; off with NO_COLOR (https://no-color.org) and on terminals that have none. Only lines that
a command prints on its own are coloured: what comes from a container passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minikctl.kubectl.command import Environment

RED, GREEN, YELLOW, MAGENTA, CYAN, WHITE, GREY = 31, 32, 33, 35, 36, 37, 90
BOLD_WHITE, BRIGHT_CYAN = "1;37", 96
TABLES = frozenset({"get", "api-resources", "top", "events"})
DESCRIPTIONS = frozenset({"describe"})
REPORTS = frozenset(
    {
        *("create", "apply", "delete", "label", "annotate", "scale", "expose", "patch", "replace", "run", "set"),
        *("rollout", "cordon", "uncordon", "taint", "autoscale"),
    }
)
DATA = ("json", "yaml")
_GOOD = re.compile(
    r"Running|Completed|Succeeded|Ready|Active|Bound|Complete|True|Available|Normal|Approved|Issued|Created|Pulled|Started"
)
_BAD = re.compile(
    r".*(Error|BackOff|Failed|Evicted|OOMKilled|Lost|NotReady|Invalid|Unschedulable|Denied|Killing)|False|Warning|Unknown"
)
_WAITING = re.compile(
    r"Pending|ContainerCreating|PodInitializing|Terminating|Init:.*|Released|Unbound|.*Disabled|Suspended"
)
_DONE = (
    (re.compile(r"\b(created|labeled|annotated|exposed|scaled|restarted|resumed|uncordoned|autoscaled)\b"), GREEN),
    (re.compile(r"\b(configured|patched|replaced|updated|edited|paused|cordoned|tainted|rolled back)\b"), YELLOW),
    (re.compile(r"\b(unchanged|not labeled|not changed)\b"), MAGENTA),
    (re.compile(r"\b(deleted|pruned|force deleted|evicted)\b"), RED),
)
_DRY_RUN = re.compile(r"\((?:server )?dry run\)")
_CELL = re.compile(r"\S+(?: \S+)*")
_RATIO = re.compile(r"(\d+)/(\d+)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_YAML_LINE = re.compile(r"^(\s*(?:- )*)([^\s:#\"'][^:]*|\"[^\"]*\"|'[^']*')(:)(\s+|$)(.*)$")
_JSON_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(: )(.*)$')
_DESCRIBED = re.compile(r"^(\s*)([A-Z][\w ()/.-]*?)(:)(\s.*|)$")

Paint = Callable[[str], str]


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether somebody who sits at a terminal wants colours."""
    return not environ.get("NO_COLOR") and environ.get("TERM", "") not in ("", "dumb")


def coloured(env: Environment, command: str, output: str) -> IO[str] | None:
    """A stream that colours what a command prints; None when it shall stay as it is."""
    if not env.stdout_is_terminal or not wanted(env.environ):
        return None
    paint = painter(command, output)
    return None if paint is None else _Coloured(env.stdout, paint)  # type: ignore[return-value]


def painter(command: str, output: str) -> Paint | None:
    """How the lines of a command's output are coloured; None for commands that show what others wrote."""
    if command in TABLES or command in DESCRIPTIONS or command in REPORTS or command in ("config", "explain"):
        if output == "json":
            return json_line
        if output == "yaml" or (command == "config" and output == ""):
            return yaml_line
        if output in ("", "wide") and command in TABLES:
            return Table()
        if output == "" and command in DESCRIPTIONS:
            return described
        if output in ("", "name") and command in REPORTS:
            return reported
    return None


class _Coloured:
    """Colours line by line; what has no end yet waits for it, or for a flush."""

    def __init__(self, target: IO[str], paint: Paint):
        self._target, self._paint, self._kept = target, paint, ""

    def write(self, text: str) -> int:
        *lines, self._kept = (self._kept + text).split("\n")
        if lines:
            self._target.write("".join(self._paint(line) + "\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self._target.write(self._kept)
        self._kept = ""
        self._target.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def in_colour(text: str, code: int | str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else text


# ---------------------------------------------------------------------- tables


class Table:
    """A header in bold; columns in turn white and cyan, and states in the colour of what they say."""

    def __call__(self, line: str) -> str:
        cells = list(_CELL.finditer(line))
        if cells and line == line.upper() and any(c.isalpha() for c in line) and not any(c.isdigit() for c in line):
            return in_colour(line, BOLD_WHITE)
        out, end = "", 0
        for i, cell in enumerate(cells):
            out += line[end : cell.start()] + in_colour(cell[0], cell_colour(cell[0]) or (WHITE, CYAN)[i % 2])
            end = cell.end()
        return out + line[end:]


def cell_colour(text: str) -> int:
    """The colour of a state, 0 for what is none."""
    ratio = _RATIO.fullmatch(text)
    if ratio:
        return GREEN if ratio[1] == ratio[2] and ratio[2] != "0" else YELLOW
    if _BAD.fullmatch(text.split(",")[0]):
        return RED
    if _WAITING.fullmatch(text):
        return YELLOW
    if _GOOD.fullmatch(text.split(",")[0]):
        return YELLOW if "," in text else GREEN
    return GREY if text in ("<none>", "<unset>") else 0


# ---------------------------------------------------------------------- data and descriptions


def value_colour(text: str) -> int:
    bare = text.rstrip(",")
    if bare in ("null", "~", "<none>", "<unset>"):
        return GREY
    if bare in ("true", "True"):
        return GREEN
    if bare in ("false", "False"):
        return RED
    if _NUMBER.fullmatch(bare):
        return MAGENTA
    return 0


def _value(text: str) -> str:
    if text.strip() in ("", "{", "[", "{},", "[],", "{}", "[]", "|", ">", "|-", ">-", "}", "]", "},", "],"):
        return text
    return in_colour(text, value_colour(text.strip()) or WHITE)


def _key(text: str, indent: str) -> str:
    return in_colour(text, (BRIGHT_CYAN, CYAN)[len(indent) // 2 % 2])


def yaml_line(line: str) -> str:
    found = _YAML_LINE.match(line)
    if found:
        indent, key, colon, blank, value = found.groups()
        return f"{indent}{_key(key, indent)}{colon}{blank}{_value(value)}"
    body = line.lstrip(" -")
    return line[: len(line) - len(body)] + _value(body)


def json_line(line: str) -> str:
    found = _JSON_KEY.match(line)
    if found:
        indent, key, colon, value = found.groups()
        return f"{indent}{_key(key, indent[len(indent) // 2 :])}{colon}{_value(value)}"
    body = line.lstrip()
    return line[: len(line) - len(body)] + _value(body)


def described(line: str) -> str:
    found = _DESCRIBED.match(line)
    if not found:
        return Table()(line) if len(_CELL.findall(line)) > 2 else line
    indent, key, colon, rest = found.groups()
    value = rest.strip()
    blank = rest[: len(rest) - len(rest.lstrip())]
    shown = in_colour(value, cell_colour(value) or value_colour(value) or WHITE)
    return f"{indent}{_key(key, indent)}{colon}{blank}{shown}"


def reported(line: str) -> str:
    """`deployment.apps/web created (dry run)`."""
    for pattern, code in _DONE:
        if pattern.search(line):
            line = pattern.sub(lambda m, code=code: in_colour(m[0], code), line, count=1)
            break
    return _DRY_RUN.sub(lambda m: in_colour(m[0], CYAN), line)
