"""What is to be done about an object, from the state of its owners. Pure.

Source: Kubernetes `pkg/controller/garbagecollector/garbagecollector.go` (attemptToDeleteItem).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from minikctl.api.meta import Obj
from minikctl.controllers.garbage_collector.graph import FOREGROUND, ORPHAN


class Owner(Enum):
    """The state of one owner."""

    SOLID = "solid"
    """It is there (or cannot be shown not to be)."""
    DANGLING = "dangling"
    """It is gone."""
    WAITING = "waiting"
    """It is being deleted and waits for its dependents to go first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """delete: the propagation to delete with, "" for not at all; drop: owner uids whose references are to be removed;
    unblock: whether to let the owners go first, because they wait for each other."""

    delete: str = ""
    drop: frozenset[str] = frozenset()
    unblock: bool = False


NOTHING = Decision()


def decide(
    owners: Iterable[Obj],
    state: Callable[[Obj], Owner],
    finalizers: Iterable[str],
    has_dependents: bool,
    dependent_waits: bool,
) -> Decision:
    """owners: references; state: what has become of each; dependent_waits: a dependent is itself deleting its own."""
    states = {ref["uid"]: state(ref) for ref in owners}
    if not states:
        return NOTHING
    lost = frozenset(u for u, s in states.items() if s is not Owner.SOLID)
    if len(lost) < len(states):
        return Decision(drop=lost)  # one owner is enough to live on
    if Owner.WAITING in states.values() and has_dependents:
        return Decision(delete="Foreground", unblock=dependent_waits)
    return Decision(delete=_propagation(finalizers))


def _propagation(finalizers: Iterable[str]) -> str:
    """What an earlier request asked for stays asked for."""
    present = set(finalizers)
    if ORPHAN in present:
        return "Orphan"
    return "Foreground" if FOREGROUND in present else "Background"
