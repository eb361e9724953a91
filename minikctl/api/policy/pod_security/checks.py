"""What checks are made of: the containers of a pod, and sentences about those that are not as they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minikctl.api.meta import Obj


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a pod is not allowed, in short, and what exactly it is about."""

    reason: str
    detail: str = ""


CheckPod = Callable[[Obj, Obj], Finding | None]
"""(pod's metadata, pod's spec) → what is wrong, or None."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule with its history: (minor version from which on, how it is checked). `replaces`: a baseline rule's id."""

    id: str
    versions: tuple[tuple[int, CheckPod], ...]
    replaces: str = ""

    def at(self, version: int) -> CheckPod | None:
        """The rule as a version has it; None before there was one."""
        return next((run for since, run in reversed(self.versions) if since <= version), None)


def containers(spec: Obj) -> list[Obj]:
    """All of a pod's containers, in the order in which messages name them."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [c for kind in kinds for c in spec.get(kind) or []]


def security(part: Obj) -> Obj:
    """The securityContext of a pod or a container."""
    return part.get("securityContext") or {}


def plural(count: int, one: str, many: str = "") -> str:
    return one if count == 1 else many or f"{one}s"


def quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{i}"' for i in items)


def named(names: list[str], what: str = "container") -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{plural(len(names), what)} {quoted(names)}"


def setters(pod_too: bool, bad: list[str]) -> str:
    """Who sets something: `pod and container "a"`."""
    return " and ".join([*(["pod"] if pod_too else []), *([named(bad)] if bad else [])])


def where(spec: Obj, is_bad: Callable[[Obj], Any]) -> list[str]:
    """The names of containers for which something holds."""
    return [c["name"] for c in containers(spec) if is_bad(c)]


def on_windows(spec: Obj) -> bool:
    return bool((spec.get("os") or {}).get("name") == "windows")


def in_user_namespace(spec: Obj) -> bool:
    """Root in such a pod is nobody outside: several rules do not concern it."""
    return spec.get("hostUsers") is False


def unless(exempt: Callable[[Obj], bool], check: CheckPod) -> CheckPod:
    """A check that passes over pods of a kind."""
    return lambda metadata, spec: None if exempt(spec) else check(metadata, spec)
