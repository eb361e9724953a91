"""Role-based access control: what rules allow, whom bindings are about, which rules cover others. Pure.

Rules and bindings are those of rbac.authorization.k8s.io/v1. Source: Kubernetes concept "Using RBAC Authorization",
`pkg/apis/rbac/v1/evaluation_helpers.go`, `component-helpers/auth/rbac/validation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minikctl.api.errors import go_quote
from minikctl.api.meta import Obj, name, namespace
from minikctl.apiserver.request import User

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
"""The group whose members may do everything, whatever roles there are."""
SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do: a verb on a resource, or, with a `path`, on a URL that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def whole_resource(self) -> str:
        """`pods/log`"""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allows(rule: Obj, action: Action) -> bool:
    """Whether a rule allows an action."""
    if not _has(rule.get("verbs"), action.verb):
        return False
    if action.path:
        return any(_url_covers(url, action.path) for url in rule.get("nonResourceURLs") or [])
    if not _has(rule.get("apiGroups"), action.group):
        return False
    resources = rule.get("resources") or []
    if not _has(resources, action.whole_resource) and not (
        action.subresource and f"*/{action.subresource}" in resources
    ):
        return False
    names = rule.get("resourceNames")
    return not names or action.name in names


def _has(listed: Sequence[str] | None, wanted: str) -> bool:
    return bool(listed) and ("*" in listed or wanted in listed)  # type: ignore[operator]


def _url_covers(owned: str, wanted: str) -> bool:
    return owned in ("*", wanted) or (owned.endswith("*") and wanted.startswith(owned.rstrip("*")))


# ---------------------------------------------------------------------- subjects


def subject_key(subject: Obj, binding_namespace: str) -> tuple[str, str]:
    """A subject as (User or Group, name); service accounts are users. ("", "") for what means nobody."""
    kind, called = subject.get("kind"), str(subject.get("name") or "")
    if kind in ("User", "Group"):
        return str(kind), called
    where = subject.get("namespace") or binding_namespace
    if kind == "ServiceAccount" and where:
        return "User", f"{SERVICE_ACCOUNT}{where}:{called}"
    return "", ""


def keys_of(user: User) -> set[tuple[str, str]]:
    """What a user is as a subject."""
    return {("User", user.name), *(("Group", g) for g in user.groups)}


def applying_subject(binding: Obj, keys: set[tuple[str, str]]) -> Obj | None:
    """The first subject of a binding that is one of `keys`."""
    where = namespace(binding)
    return next((s for s in binding.get("subjects") or [] if subject_key(s, where) in keys), None)


def described(binding: Obj, subject: Obj) -> str:
    """`ClusterRoleBinding "x" of ClusterRole "y" to User "z"`, as the reason of a decision names it."""
    where, ref = namespace(binding), binding.get("roleRef") or {}
    kind = "RoleBinding" if where else "ClusterRoleBinding"
    called = f"{name(binding)}/{where}" if where else name(binding)
    who = str(subject.get("name") or "")
    if subject.get("kind") == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or where}"
    to = f"{subject.get('kind')} {go_quote(who)}"
    return f"{kind} {go_quote(called)} of {ref.get('kind')} {go_quote(str(ref.get('name') or ''))} to {to}"


# ---------------------------------------------------------------------- escalation


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
    if not _has(own.get("verbs"), part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        return any(_url_covers(u, part["nonResourceURLs"][0]) for u in own.get("nonResourceURLs") or [])
    resource = part["resources"][0]
    resources = own.get("resources") or []
    below = resource.partition("/")[2]
    if not _has(own.get("apiGroups"), part["apiGroups"][0]):
        return False
    if not _has(resources, resource) and not (below and f"*/{below}" in resources):
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
