"""`-o custom-columns=NAME:.metadata.name,…` and `-o custom-columns-file`.

Source: kubectl `pkg/cmd/get/customcolumn.go`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.kubectl.printers.jsonpath import JSONPath, JSONPathError
from minikctl.util import go_format
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.api.kind import Kind
    from minikctl.api.meta import Obj
    from minikctl.kubectl.command import Invocation
    from minikctl.kubectl.printers import Printer

_RELAXED = re.compile(r"\{\.?([^{}]+)\}|\.?([^{}]+)", re.S)
_EXPECTED = "Expected format is one line of space separated headers, one line of space separated column specs."


def relaxed(expression: str) -> str:
    """`metadata.name`, `.metadata.name`, `{metadata.name}` → `{.metadata.name}`. Raises UsageError."""
    if not expression:
        return expression
    m = _RELAXED.fullmatch(expression)
    if m is None:
        raise UsageError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
        )
    return f"{{.{m[1] or m[2]}}}"


@dataclass
class Columns:
    """Headers and the paths below them."""

    headers: list[str]
    paths: list[str]

    def rows(self, objects: list[Any]) -> list[list[str]]:
        """One row of cells an object. Raises UsageError for a path that cannot be followed."""
        try:
            parsed = [JSONPath(p) for p in self.paths]
            return [[_cell(p, obj) for p in parsed] for obj in objects]
        except JSONPathError as e:
            raise UsageError(str(e)) from None


def _cell(path: JSONPath, obj: Any) -> str:
    found = path.find(obj)
    texts = [] if found and found[0] else ["<none>"]
    texts += [escape_terminal(go_format.sprint(value)) for part in found for value in part]
    return ",".join(texts)


def escape_terminal(text: str) -> str:
    """Control sequences made harmless: ESC as `^[`, carriage returns as `\\r`."""
    return text.replace("\x1b", "^[").replace("\r", "\\r")


def from_spec(spec: str) -> Columns:
    """`NAME:.metadata.name,NODE:.spec.nodeName`. Raises UsageError."""
    if not spec:
        raise UsageError("custom-columns format specified but no custom columns given")
    headers, paths = [], []
    for part in spec.split(","):
        header, colon, path = part.partition(":")
        if not colon:
            raise UsageError(f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
        headers.append(header)
        paths.append(relaxed(path))
    return Columns(headers, paths)


def from_template(text: str) -> Columns:
    """A line of headers and a line of paths, parted by blanks. Raises UsageError."""
    lines = text.splitlines()
    if not lines:
        raise UsageError(f"invalid template, missing header line. {_EXPECTED}")
    if len(lines) < 2:
        raise UsageError(f"invalid template, missing spec line. {_EXPECTED}")
    headers, specs = lines[0].split(), lines[1].split()
    if len(headers) != len(specs):
        raise UsageError(f"number of headers ({len(headers)}) and field specifications ({len(specs)}) don't match")
    return Columns(headers, [relaxed(s) for s in specs])


def printer(call: Invocation, wanted: str) -> Printer:
    """The printer of `-o custom-columns=…`; one table for a list, and headers once. Raises UsageError."""
    from minikctl.kubectl.printers.columns import render

    head, _, given = wanted.partition("=")
    given = call.flags.get("template") or given
    if not given:
        raise UsageError("custom-columns format specified but no custom columns given")
    columns = from_spec(given) if head == "custom-columns" else from_template(_template(call, given))
    headed = head == "custom-columns" and bool(call.flags.get("no-headers"))
    widths: list[int] = []

    def show(obj: Obj, _kind: Kind | None = None) -> None:
        nonlocal headed
        objects = obj["items"] if isinstance(obj.get("items"), list) else [obj]
        rows = columns.rows(objects)
        call.out(render(rows if headed else [columns.headers, *rows], widths), end="")
        headed = True

    return show


def _template(call: Invocation, path: str) -> str:
    try:
        return Path(call.env.cwd, path).read_text("utf-8", "replace")
    except OSError as e:
        reason = os.strerror(e.errno or 0).lower()
        raise UsageError(f"error reading template {path}, open {path}: {reason}\n") from None
