"""Breaking lines as kubectl's two ways of explaining do. Byte for byte: what they print is often piped into `diff`.

`wrap` keeps the text's own lines and breaks between words; `fill` joins lines into paragraphs first.
Source: kubectl `pkg/explain/{formatter.go,v2/funcs.go}`, go-wordwrap.
"""

from __future__ import annotations

import re

NO_BREAK_SPACE = "\u00a0"
_BULLET = re.compile(r"^(\d+\.?|-|\*)\s")
_PART = re.compile(r"\n|[^\S\n\u00a0]+|(?:[^\s]|\u00a0)+")


def wrap(text: str, limit: int) -> str:
    """Lines of at most `limit` characters where words allow it; the spaces at which a line is broken are dropped."""
    out: list[str] = []
    column, spaces = 0, ""
    for part in _PART.findall(text):
        if part == "\n":
            if spaces and column + len(spaces) <= limit:
                out.append(spaces)
            out.append("\n")
            column, spaces = 0, ""
        elif part[0].isspace() and part[0] != NO_BREAK_SPACE:
            spaces = part
        else:
            if column + len(spaces) + min(len(part), limit - 1) > limit:
                out.append("\n")
                column, spaces = 0, ""
            out.append(spaces + part)
            column, spaces = column + len(spaces) + len(part), ""
    if spaces and column + len(spaces) <= limit:
        out.append(spaces)
    return "".join(out)


def indent(text: str, amount: int) -> str:
    """Every line, empty ones too, moved to the right."""
    pad = " " * amount
    return pad + text.replace("\n", "\n" + pad)


def fill(text: str, width: int) -> list[str]:
    """Paragraphs as lines. Code (four spaces), list items and what follows a colon keep lines of their own."""
    out: list[str] = []
    words: list[str] = []
    last = ""

    def flush() -> None:
        nonlocal last
        if words:
            last = ""
            out.append(" ".join(words))
            words.clear()

    for line in text.split("\n"):
        if line.startswith("    "):
            flush()
            out.append(line)
            continue
        if out and not line.strip():
            flush()
            out.append("")
            continue
        if last.endswith(":") or not line.strip() or _BULLET.match(line.strip()):
            flush()
        for word in line.split():
            last = word
            if words and len(" ".join([*words, word])) > width:
                flush()
            words.append(word)
    flush()
    return out
