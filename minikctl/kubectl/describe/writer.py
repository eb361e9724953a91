"""Text in tab-separated cells, aligned as Go's text/tabwriter aligns it: what every description is written with.

A column is a run of neighbouring lines that have a tab-ended cell at the same place; each is as wide as its widest
cell plus two blanks. The last cell of a line belongs to no column. Source: Go `text/tabwriter`, kubectl `PrefixWriter`.
"""

from __future__ import annotations

from typing import Any

PADDING = 2
_INDENT = "  "


class Writer:
    """Collects text at levels of two blanks. `nested` gives a writer that starts some levels deeper."""

    def __init__(self, parent: Writer | None = None, indent: int = 0):
        self._root: Writer = parent._root if parent else self
        self._indent: int = indent + (parent._indent if parent else 0)
        self._pending: list[str] = []
        self._done: list[str] = []

    def write(self, level: int, text: str) -> None:
        """Text at a level; ends the line only if it says so itself."""
        self._root._pending.append(_INDENT * (level + self._indent) + _visible(text))

    def line(self, level: int, text: str) -> None:
        """A whole line at a level."""
        self.write(level, text + "\n")

    def field(self, level: int, title: str, value: Any) -> None:
        """`Title:<tab>value`."""
        self.write(level, f"{title}:\t{value}\n")

    def end(self, text: str = "") -> None:
        """The rest of a line."""
        self._root._pending.append((_INDENT * self._indent) + _visible(text) + "\n")

    def nested(self, indent: int) -> Writer:
        return Writer(self, indent)

    def flush(self) -> None:
        """What follows is aligned on its own."""
        root = self._root
        root._done.append(align("".join(root._pending)))
        root._pending.clear()

    def aligned(self) -> str:
        """Everything, in columns."""
        self.flush()
        return "".join(self._root._done)

    def unaligned(self) -> str:
        """Everything, with its tabs: `rollout history` prints a template so."""
        return "".join(self._root._pending)


def _visible(text: str) -> str:
    """Control characters that could drive a terminal, made visible."""
    return text.replace("\x1b", "^[").replace("\r", "\\r")


def align(text: str, padding: int = PADDING) -> str:
    """`text` with its tabs turned into columns."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, widths, 0, len(lines), 0, padding)
    return "\n".join(_joined(cells, columns) for cells, columns in zip(lines, widths, strict=True))


def _measure(lines: list[list[str]], widths: list[list[int]], start: int, stop: int, column: int, padding: int) -> None:
    """Give every block of lines from `start` to `stop` that has this column its width, then the columns right of it."""
    at = start
    while at < stop:
        if column >= len(lines[at]) - 1:
            at += 1
            continue
        end = at
        while end < stop and column < len(lines[end]) - 1:
            end += 1
        width = max(len(lines[i][column]) for i in range(at, end)) + padding
        for i in range(at, end):
            widths[i].append(width)
        _measure(lines, widths, at, end, column + 1, padding)
        at = end


def _joined(cells: list[str], columns: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, columns, strict=False)]
    return "".join(padded) + cells[-1]


def table(rows: list[list[str]], padding: int = PADDING) -> str:
    """Rows in columns, each line ended; the last column is not padded."""
    return align("".join("\t".join(row) + "\n" for row in rows), padding)
