"""Tables as `get` shows them: the server's columns, and what flags add to them.

Source: cli-runtime `pkg/printers/tableprinter.go`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.printers.columns import render

_LINE_END = re.compile("[\f\n\r]")
_EVENT_WIDTH = 8


@dataclass(frozen=True)
class TableOptions:
    """What `get`'s flags say about its tables."""

    no_headers: bool = False
    wide: bool = False
    with_namespace: bool = False
    with_kind: bool = False
    label_columns: tuple[str, ...] = ()
    show_labels: bool = False


@dataclass
class TableWriter:
    """Turns tables of one kind into text. Headers come once, and columns never shrink from one call to the next."""

    options: TableOptions
    kind: Kind | None = None
    widths: list[int] = field(default_factory=list)
    _headed: list[Obj] | None = None

    def text(self, tables: Sequence[tuple[Obj, str]]) -> str:
        """The lines of (table, event type) pairs; `""` when there is no row."""
        lines: list[list[str]] = []
        for table, event in tables:
            columns, rows = table.get("columnDefinitions") or [], table.get("rows") or []
            if not rows:
                continue
            if columns != self._headed and not self.options.no_headers:
                lines.append(self._header(columns, bool(event)))
            self._headed = columns
            lines += self._rows(columns, rows, event)
        return render(lines, self.widths)

    def _shown(self, columns: list[Obj]) -> list[int]:
        return [i for i, c in enumerate(columns) if self.options.wide or not c.get("priority")]

    def _header(self, columns: list[Obj], with_event: bool) -> list[str]:
        head = ["EVENT"] if with_event else []
        head += ["NAMESPACE"] if self.options.with_namespace else []
        head += [str(columns[i]["name"]).upper() for i in self._shown(columns)]
        head += [label.rpartition("/")[2].upper() for label in self.options.label_columns]
        return head + (["LABELS"] if self.options.show_labels else [])

    def _rows(self, columns: list[Obj], rows: list[Obj], event: str) -> list[list[str]]:
        shown = self._shown(columns)
        whole = len(shown) == len(columns)
        name_column, prefix = -1, ""
        if self.options.with_kind and self.kind is not None:
            group = f".{self.kind.group}" if self.kind.group else ""
            prefix = f"{self.kind.kind}{group}/".lower()
            name_column = next(
                (i for i, c in enumerate(columns) if c.get("format") == "name" and c.get("type") == "string"), -1
            )
        needs_metadata = self.options.with_namespace or self.options.label_columns or self.options.show_labels
        out = []
        for row in rows:
            cells = row["cells"]
            line = [cell_text(c) for c in (cells if whole else [cells[i] for i in shown if i < len(cells)])]
            if name_column >= 0 and name_column in shown:
                line[shown.index(name_column)] = prefix + line[shown.index(name_column)]
            if needs_metadata:
                line = self._decorated(line, row)
            out.append([event.ljust(_EVENT_WIDTH), *line] if event else line)
        return out

    def _decorated(self, line: list[str], row: Obj) -> list[str]:
        metadata = (row.get("object") or {}).get("metadata") or {}
        labels = metadata.get("labels") or {}
        if self.options.with_namespace:
            line = [metadata.get("namespace") or "", *line]
        line += [labels.get(name, "") for name in self.options.label_columns]
        if self.options.show_labels:
            line.append(format_labels(labels))
        return line


def cell_text(cell: Any) -> str:
    """A cell's text: up to its first line end, terminal control characters made visible."""
    if type(cell) is str:
        if cell.isprintable():
            return cell
        return _one_line(cell)
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    from minikctl.util.go_format import sprint

    return _one_line(sprint(cell))


def _one_line(text: str) -> str:
    end = _LINE_END.search(text)
    shown = text[: end.start()] if end else text
    return shown.replace("\x1b", "^[") + ("..." if end else "")


def format_labels(labels: dict[str, str]) -> str:
    """`a=1,b=2` with sorted names; `<none>`."""
    return ",".join(f"{k}={labels[k]}" for k in sorted(labels)) if labels else "<none>"
