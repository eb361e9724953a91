"""Policy rules of RBAC compared with each other: what one set allows and another does not. Pure.

Source: Kubernetes `component-helpers/auth/rbac/validation` (policy_comparator.go, policy_compact.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minikctl.api.errors import go_quote
from minikctl.api.meta import Obj


def has(listed: Sequence[str] | None, wanted: str) -> bool:
    """Whether a list of verbs, groups or resources has a word; `*` is all of them."""
    return bool(listed) and ("*" in listed or wanted in listed)  # type: ignore[operator]


def url_covers(owned: str, wanted: str) -> bool:
    """Whether a URL of a rule, perhaps with `*` at its end, is or covers another."""
    return owned in ("*", wanted) or (owned.endswith("*") and wanted.startswith(owned.rstrip("*")))


def uncovered(owned: Sequence[Obj], wanted: Sequence[Obj]) -> list[Obj]:
    """The parts of `wanted` that no single rule of `owned` covers, one verb, group, resource and name each."""
    return [part for rule in wanted for part in _parts(rule) if not any(_covers(own, part) for own in owned)]


def _parts(rule: Obj) -> Iterator[Obj]:
    verbs, names = rule.get("verbs") or [], rule.get("resourceNames") or []
    for group in rule.get("apiGroups") or []:
        for resource in rule.get("resources") or []:
            for verb in verbs:
                part = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                if names:
                    yield from ({**part, "resourceNames": [n]} for n in names)
                else:
                    yield part
    for url in rule.get("nonResourceURLs") or []:
        yield from ({"nonResourceURLs": [url], "verbs": [verb]} for verb in verbs)


def _covers(own: Obj, part: Obj) -> bool:
    """Whether a rule covers an indivisible part of another."""
    if not has(own.get("verbs"), part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        return any(url_covers(u, part["nonResourceURLs"][0]) for u in own.get("nonResourceURLs") or [])
    resource = part["resources"][0]
    resources = own.get("resources") or []
    below = resource.partition("/")[2]
    if not has(own.get("apiGroups"), part["apiGroups"][0]):
        return False
    if not has(resources, resource) and not (below and f"*/{below}" in resources):
        return False
    names = own.get("resourceNames") or []
    return not names or ("resourceNames" in part and part["resourceNames"][0] in names)


def compacted(parts: Sequence[Obj]) -> list[Obj]:
    """Parts that differ by their verb only as one rule, for messages."""
    out: list[Obj] = []
    simple: dict[tuple[str, str], Obj] = {}
    for part in parts:
        if "nonResourceURLs" in part or "resourceNames" in part:
            out.append(part)
            continue
        place = (part["apiGroups"][0], part["resources"][0])
        if place in simple:
            simple[place]["verbs"] = [*simple[place]["verbs"], *part["verbs"]]
        else:
            simple[place] = dict(part)
    return out + list(simple.values())


def text(rule: Obj) -> str:
    """`{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`"""
    fields = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    )
    parts = [f"{title}:{go_list(rule[field])}" for title, field in fields if rule.get(field)]
    return "{" + ", ".join(parts) + "}"


def go_list(words: Sequence[str]) -> str:
    """A list of strings as Go's `%q` writes it."""
    return "[" + " ".join(go_quote(w) for w in words) + "]"
