"""A story as text: time, who, and a tree of what. Colour and cutting to the width are for terminals only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minikctl.api.meta import is_deleting
from minikctl.kubectl.flow import words
from minikctl.kubectl.flow.story import Step

ACTOR_WIDTH = 26
SHOWN_ALIKE = 2
"""Of several alike below one cause (the pods of a ReplicaSet), so many are told in full."""
_BOLD, _DIM, _RED, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
_ACTORS = (
    ("kubectl", "\x1b[1;36m"),
    ("minikctl", "\x1b[1;36m"),
    ("hand", "\x1b[1;31m"),
    ("kube-scheduler", "\x1b[35m"),
    ("kubelet", "\x1b[32m"),
    ("endpoint", "\x1b[34m"),
    ("", "\x1b[33m"),
)


@dataclass(frozen=True)
class Glyphs:
    """The pieces of the tree, two columns each, and the marks of Events and of left-out steps."""

    branch: str = "├ "
    last: str = "└ "
    stem: str = "│ "
    event: str = "·"
    more: str = "…"


ASCII = Glyphs("|-", "`-", "| ", "*", "...")


@dataclass(frozen=True)
class Style:
    """How to draw. `width` 0 cuts nothing; `fold` leaves out what repeats; `namespace` goes without saying."""

    colour: bool = False
    width: int = 0
    fold: bool = True
    namespace: str = "default"
    glyphs: Glyphs = Glyphs()


def draw(roots: Sequence[Step], style: Style) -> Iterator[str]:
    """Lines of the whole story, an empty one before each thing that a person did."""
    for i, root in enumerate(roots):
        if i and root.by_person:
            yield ""
        yield line(root, "", style)
        yield from _below(root, "", style)


def _below(step: Step, indent: str, style: Style) -> Iterator[str]:
    glyphs = style.glyphs
    shown, folded = _alike(step.children) if style.fold else (step.children, {})
    groups = list(_event_groups(shown) if style.fold else ([s] for s in shown))
    for i, group in enumerate(groups):
        child, last = group[0], i == len(groups) - 1
        below = indent + ("  " if last else glyphs.stem)
        yield line(child, indent + (glyphs.last if last else glyphs.branch), style, group[1:])
        yield from _below(child, below, style)
        if child in folded:
            yield _folded_line(folded[child], below, style)


def _event_groups(steps: list[Step]) -> Iterator[list[Step]]:
    """What one component said in Events about one cause goes on one line, where the first of them stands."""
    said: dict[str, list[Step]] = {}
    groups: list[list[Step]] = []
    for step in steps:
        actor = str(step.change["actor"])
        if not step.is_event or step.is_warning:
            groups.append([step])
        elif actor in said:
            said[actor].append(step)
        else:
            said[actor] = [step]
            groups.append(said[actor])
    yield from groups


def _alike(children: list[Step]) -> tuple[list[Step], dict[Step, list[Step]]]:
    """What to show, and for the last one shown of each sort those left out. Trouble is never left out."""
    sorts: dict[tuple[str, ...], list[Step]] = {}
    left_out: dict[Step, list[Step]] = {}
    for child in children:
        sort = _sort(child)
        if sort:
            sorts.setdefault(sort, []).append(child)
    for same in sorts.values():
        if len(same) > SHOWN_ALIKE + 1:  # one line for one step would save nothing
            left_out[same[SHOWN_ALIKE - 1]] = same[SHOWN_ALIKE:]
    hidden = {step for steps in left_out.values() for step in steps} | {c for c in children if _is_negligible(c)}
    return [c for c in children if c not in hidden], left_out


def _is_negligible(step: Step) -> bool:
    return words.is_negligible(step.change) and all(map(_is_negligible, step.children))


def _sort(step: Step) -> tuple[str, ...]:
    """Steps of one sort are alike: objects of one kind, made or sent away by one component. Others have none."""
    if step.is_event or any(s.is_warning for s in step.walk()):
        return ()
    change = step.change
    if change["type"] == "ADDED":
        return "made", step.about["kind"], change["actor"]
    if change["type"] == "MODIFIED" and is_deleting(change["object"]) and not is_deleting(change["before"] or {}):
        return "sent away", step.about["kind"], change["actor"]
    return ()


def _folded_line(steps: list[Step], indent: str, style: Style) -> str:
    until = max(s.elapsed for step in steps for s in step.walk())
    kind = steps[0].about["kind"]
    text = (
        f"{indent}{style.glyphs.more} and {len(steps)} more {kind}s alike, until +{duration(until)} (--all shows them)"
    )
    return _cut(" " * (14 + ACTOR_WIDTH) + _paint(text, _DIM, style), style)


def line(step: Step, tree: str, style: Style, more_events: Sequence[Step] = ()) -> str:
    """One step: `+12 ms  kube-scheduler  │ └ assigned to node-1`; Events of one component may share a line."""
    when = step.change["time"][11:23] if step.parent is None else f"+{duration(step.elapsed)}"
    actor = step.change["actor"]
    what = words.summary(step.change)
    about = "" if _said(step) else title(step, style.namespace) + " "
    if step.is_event:
        if style.fold and not step.is_warning:
            what = ", ".join(dict.fromkeys(str(s.change["object"].get("reason", "")) for s in (step, *more_events)))
        body = _paint(f"{style.glyphs.event} {what}", _RED if step.is_warning else _DIM, style)
    else:
        body = _paint(about, _BOLD, style) + what
    left = f"{when:>12}  " + _paint(f"{_shortened(actor):<{ACTOR_WIDTH}}", _colour_of(actor), style)
    return _cut(f"{left}{_paint(tree, _DIM, style)}{body}", style)


def _said(step: Step) -> bool:
    """True when the step above is about the same object."""
    above = step.parent
    return step.is_event or (above is not None and above.about["uid"] == step.about["uid"])


def title(step: Step, plain_namespace: str) -> str:
    about = step.about
    inside = about["namespace"] and about["namespace"] != plain_namespace
    return f"{about['kind']} {about['namespace'] + '/' if inside else ''}{about['name']}"


def duration(milliseconds: int) -> str:
    """`12 ms`, `12.3 s`, `3m20s`."""
    if milliseconds < 10_000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


def _shortened(actor: str) -> str:
    return actor if len(actor) < ACTOR_WIDTH else actor[: ACTOR_WIDTH - 2] + "…"


def _colour_of(actor: str) -> str:
    return next(colour for prefix, colour in _ACTORS if actor.startswith(prefix))


def _paint(text: str, colour: str, style: Style) -> str:
    return f"{colour}{text}{_OFF}" if style.colour and text else text


def _cut(text: str, style: Style) -> str:
    """To the terminal's width; colour codes take no room."""
    if not style.width:
        return text
    out, width, i = [], 0, 0
    while i < len(text):
        if text[i] == "\x1b":
            end = text.index("m", i) + 1
            out.append(text[i:end])
            i = end
            continue
        if width == style.width - 1 and i < len(text) - 1 and _visible(text[i + 1 :]):
            return "".join(out) + "…" + (_OFF if style.colour else "")
        out.append(text[i])
        width, i = width + 1, i + 1
    return "".join(out)


def _visible(rest: str) -> bool:
    while rest.startswith("\x1b"):
        rest = rest[rest.index("m") + 1 :]
    return bool(rest)
