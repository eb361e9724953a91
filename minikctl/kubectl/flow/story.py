"""Who led to what: changes as a forest. A root is what a person did, or what the journal gives no cause for.

A change stands below its cause. A component that goes on writing the same object stays on the same level: its second
write is no consequence of its first, but the next step of the same work. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from minikctl.api.meta import Obj, is_deleting, name, namespace
from minikctl.kubectl.flow import words


@dataclass(eq=False)
class Step:
    """One change in its place. `root` is itself for a root."""

    change: Obj
    parent: Step | None = None
    children: list[Step] = field(default_factory=list)

    @property
    def root(self) -> Step:
        return self if self.parent is None else self.parent.root

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def version(self) -> str:
        return str(self.change["resourceVersion"])

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.change["time"])

    @property
    def elapsed(self) -> int:
        """Milliseconds since the root."""
        return round((self.moment - self.root.moment).total_seconds() * 1000)

    @property
    def is_event(self) -> bool:
        return "involvedObject" in self.change["object"]

    @property
    def is_warning(self) -> bool:
        return self.is_event and self.change["object"].get("type") == "Warning"

    @property
    def by_person(self) -> bool:
        actor = str(self.change["actor"])
        return self.change["because"] is None and (actor == "hand" or actor.startswith(("kubectl", "minikctl")))

    @property
    def about(self) -> Obj:
        """{kind, namespace, name, uid, apiVersion} of the object changed, or of the one an Event is about."""
        obj = self.change["object"]
        if self.is_event:
            return {k: obj["involvedObject"].get(k, "") for k in ("apiVersion", "kind", "namespace", "name", "uid")}
        return {
            "apiVersion": obj.get("apiVersion", ""),
            "kind": obj.get("kind", ""),
            "namespace": namespace(obj),
            "name": name(obj),
            "uid": obj.get("metadata", {}).get("uid", ""),
        }

    def walk(self) -> Iterator[Step]:
        """This step and everything below, causes before effects."""
        yield self
        for child in self.children:
            yield from child.walk()


class Story:
    """Takes changes in the order of their versions."""

    def __init__(self, changes: Iterable[Obj] = (), *, all_events: bool = False):
        self.roots: list[Step] = []
        self._all_events = all_events
        self._steps: dict[str, Step] = {}
        self._newest: dict[str, Step] = {}
        """By uid of the object."""
        for change in changes:
            self.add(change)

    def add(self, change: Obj) -> Step | None:
        """Put a change in its place; None when it is an Event that only repeats what a write says already."""
        step = Step(change)
        if step.is_event and not self._all_events and not (step.is_warning or _says_more(step)):
            return None
        cause = self._steps.get(change["because"] or "") or self._end_of_deletion(step)
        while cause is not None and (cause.is_event or _goes_on(cause, step)):
            cause = cause.parent
        step.parent = cause
        self._steps[step.version] = step
        if not step.is_event:
            self._newest[step.about["uid"]] = step
        (self.roots if cause is None else cause.children).append(step)
        return step

    def steps(self) -> list[Step]:
        return list(self._steps.values())

    def last_command(self) -> list[Step]:
        """The newest thing that a person did, and what began after it."""
        begun = [i for i, root in enumerate(self.roots) if root.by_person]
        return self.roots[begun[-1] :] if begun else self.roots[-1:]

    def _end_of_deletion(self, step: Step) -> Step | None:
        """What ends an object that is being deleted continues its deletion, cause or not."""
        if step.by_person or step.is_event or step.change["because"] or not is_deleting(step.change["object"]):
            return None
        return self._newest.get(step.about["uid"])


def _says_more(event: Step) -> bool:
    """A kubelet's Events are the only trace of what it did to containers; others write what they speak of."""
    return str(event.change["actor"]).startswith("kubelet")


def _goes_on(cause: Step, step: Step) -> bool:
    if cause.parent is None or step.is_event or cause.change["actor"] != step.change["actor"]:
        return False
    return bool(cause.about["uid"]) and cause.about["uid"] == step.about["uid"]


def as_json(step: Step) -> Obj:
    """The stable shape of one step:

    {resourceVersion, time, elapsedMilliseconds, depth, actor, because, parent, role, type, object, summary,
    differences: [{path, from?, to?}]}; `parent` is the resourceVersion of the step above, `because` that of the cause as
    the journal has it; for Events, `object` is what they are about and `event` is {type, reason, message, count}.
    """
    change = step.change
    out = {
        "resourceVersion": step.version,
        "time": change["time"],
        "elapsedMilliseconds": step.elapsed,
        "depth": step.depth,
        "actor": change["actor"],
        "because": change["because"],
        "parent": step.parent.version if step.parent else None,
        "role": change["role"],
        "type": change["type"],
        "object": step.about,
        "summary": words.summary(change),
    }
    if step.is_event:
        obj = change["object"]
        out["event"] = {k: obj.get(k) for k in ("type", "reason", "message", "count")}
    elif change["before"] is not None and change["type"] != "DELETED":
        out["differences"] = words.differences(change["before"], change["object"])
    return out
