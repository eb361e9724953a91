"""Columns as kubectl aligns them: each as wide as its widest cell and three blanks, at the least six."""

from __future__ import annotations

from collections.abc import Sequence

PADDING = 3
MIN_WIDTH = 6


def render(rows: Sequence[Sequence[str]], widths: list[int] | None = None) -> str:
    """Lines of aligned cells, all of the same number; the last cell of a line is not padded.

    `widths` are the widths of what was printed above (a watch's earlier lines): columns never shrink, and the list is
    brought up to date.
    """
    if not rows:
        return ""
    least = [] if widths is None else widths
    inner = len(rows[0]) - 1
    least += [MIN_WIDTH] * (inner - len(least))
    for i in range(inner):
        least[i] = max(least[i], max([len(row[i]) for row in rows]) + PADDING)
    line = "".join([f"%-{w}s" for w in least[:inner]]) + "%s\n"
    return "".join([line % tuple(row) for row in rows])
