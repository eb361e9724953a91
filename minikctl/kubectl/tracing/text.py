"""A trace as a tree of lines, and as data. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minikctl.api.meta import Obj
from minikctl.kubectl.tracing.model import Hop, Trace

API_VERSION, KIND = "minikctl/v1", "Trace"
_GREEN, _RED, _DIM, _BOLD, _OFF = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True)
class Style:
    """The pieces of the tree and the marks of what works and what does not."""

    branch: str = "├─ "
    last: str = "└─ "
    stem: str = "│  "
    good: str = "✓"
    bad: str = "✗"
    colour: bool = False


ASCII = Style("|- ", "`- ", "|  ", "ok", "x")


def draw(trace: Trace, style: Style) -> Iterator[str]:
    """The tree, an empty line, and what it comes to."""
    yield from _hop(trace.root, "", "", style)
    yield ""
    if trace.reachable:
        yield _paint(f"{style.good} {_good(trace)}", _GREEN, style)
    else:
        yield _paint(f"{style.bad} {trace.reason}: {trace.message}", _RED, style)


def _good(trace: Trace) -> str:
    hops = list(trace.root.walk())
    chosen = next((h for h in hops if h.chosen), None)
    if chosen is not None:
        return f"{trace.wanted} reaches {chosen.kind.lower()} {chosen.name} at {chosen.detail}"
    return (
        f"{trace.wanted} leads outside the cluster"
        if any(h.kind == "Outside" for h in hops)
        else f"{trace.wanted} has a way"
    )


def _hop(hop: Hop, lead: str, below: str, style: Style) -> Iterator[str]:
    kind = "" if hop.kind == "Client" else f"{hop.kind} "
    text = f"{_paint(kind, _DIM, style)}{_paint(hop.name, _BOLD, style)}"
    text += f"  {hop.detail}" if hop.detail else ""
    if hop.reason:
        text += "  " + _paint(f"{style.bad} {hop.message if hop.reason == 'NotReady' else hop.reason}", _RED, style)
    elif hop.chosen:
        text += "  " + _paint(style.good, _GREEN, style)
    text += "  " + _paint(f"({hop.note})", _DIM, style) if hop.note else ""
    yield lead + text
    for i, child in enumerate(hop.below):
        is_last = i == len(hop.below) - 1
        yield from _hop(
            child, below + (style.last if is_last else style.branch), below + ("   " if is_last else style.stem), style
        )


def _paint(text: str, colour: str, style: Style) -> str:
    return f"{colour}{text}{_OFF}" if style.colour and text else text


def as_json(trace: Trace) -> Obj:
    """{apiVersion, kind: Trace, target, reachable, reason, message, hops: tree of {kind, name, detail, …, hops}}."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "target": str(trace.wanted),
        "reachable": trace.reachable,
        **({} if trace.reachable else {"reason": trace.reason, "message": trace.message}),
        "hops": [_data(trace.root)],
    }


def _data(hop: Hop) -> Obj:
    found: Obj = {"kind": hop.kind, "name": hop.name}
    for key in ("detail", "reason", "message", "note"):
        if getattr(hop, key):
            found[key] = getattr(hop, key)
    if hop.chosen:
        found["chosen"] = True
    if hop.below:
        found["hops"] = [_data(h) for h in hop.below]
    return found
