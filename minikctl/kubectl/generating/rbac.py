"""What `create role`, `clusterrole`, `rolebinding` and `clusterrolebinding` share: rules and subjects from flags.

Source: kubectl `pkg/cmd/create/create_role.go`, `create_rolebinding.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minikctl.api import kinds
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import ARRAY, LIST, Option
from minikctl.util.errors import UsageError

GROUP = "rbac.authorization.k8s.io"
API_VERSION = f"{GROUP}/v1"
VERBS = frozenset(
    [
        "*",
        "get",
        "delete",
        "list",
        "create",
        "update",
        "patch",
        "watch",
        "proxy",
        "deletecollection",
        "use",
        "bind",
        "escalate",
        "impersonate",
    ]
)
_ROLES = frozenset({("roles", GROUP), ("clusterroles", GROUP)})
SPECIAL_VERBS = {
    "use": frozenset({("podsecuritypolicies", "policy"), ("podsecuritypolicies", "extensions")}),
    "bind": _ROLES,
    "escalate": _ROLES,
    "impersonate": frozenset(
        {("users", ""), ("serviceaccounts", ""), ("groups", ""), ("userextras", "authentication.k8s.io")}
    ),
}
"""Verbs that mean something for these (resource, group) only, some of which no server lists."""

RULE_OPTIONS = (
    Option("resource", LIST, help="Resource that the rule is about: RESOURCE[.GROUP][/SUBRESOURCE]."),
    Option("resource-name", ARRAY, help="Name of an object that the rule is limited to; may be repeated."),
    Option("verb", LIST, help="What the rule allows."),
)
SUBJECT_OPTIONS = (
    Option("group", ARRAY, help="Group to bind; may be repeated."),
    Option("serviceaccount", ARRAY, help="Service account to bind, NAMESPACE:NAME; may be repeated."),
    Option("user", ARRAY, help="User to bind; may be repeated."),
)


@dataclass(frozen=True)
class ResourceWord:
    """`deployments.apps/scale` taken apart."""

    name: str
    group: str = ""
    subresource: str = ""

    @classmethod
    def parse(cls, word: str) -> ResourceWord:
        resource, _, subresource = word.partition("/")
        name, _, group = resource.partition(".")
        return cls(name, group, subresource)


def resources(words: Sequence[str]) -> list[ResourceWord]:
    """What --resource names; a bare `*` stands for all."""
    return [ResourceWord("*")] if "*" in words else [ResourceWord.parse(w) for w in words]


def verbs(words: Sequence[str]) -> list[str]:
    """Without repetitions; `*` stands for all."""
    return ["*"] if "*" in words else list(dict.fromkeys(words))


def warn_of_odd_verbs(call: Invocation, words: Sequence[str]) -> None:
    for verb in words:
        if verb not in VERBS:
            call.err(f"Warning: '{verb}' is not a standard resource verb")


def check_resources(call: Invocation, found: Sequence[ResourceWord], words: Sequence[str]) -> None:
    """Raises UsageError for a resource that the server does not have, and for a special verb where it means nothing."""
    for resource in found:
        if not resource.name:
            raise UsageError("resource must be specified if apiGroup/subresource specified")
        if resource.name == "*":
            return
        known = _lookup(call, resource)
        name, group = known or (resource.name, resource.group)
        special = [v for v in words if v in SPECIAL_VERBS]
        for verb in special:
            if (name, group) not in SPECIAL_VERBS[verb]:
                raise UsageError(f"can not perform '{verb}' on '{name}' in group '{group}'")
        if known is None and not special:
            where = f' in group "{resource.group}"' if resource.group else ""
            raise UsageError(f'the server doesn\'t have a resource type "{resource.name}"{where}', prefix="")


def _lookup(call: Invocation, resource: ResourceWord) -> tuple[str, str] | None:
    """(plural, group) of a built-in kind, else of one that the server has."""
    word = f"{resource.name}.{resource.group}" if resource.group else resource.name
    kind = kinds.find(word.lower()) or call.client.kind(word.lower())
    return (kind.plural, kind.group) if kind else None


def rules(
    call: Invocation,
    words: Sequence[str],
    found: Sequence[ResourceWord],
    names: Sequence[str],
    urls: Sequence[str] = (),
) -> list[Obj]:
    """One rule for each API group, and one for paths that are no resources."""
    by_group: dict[str, list[str]] = {}
    for resource in found:
        name, group = _lookup(call, resource) or (resource.name, resource.group)
        if resource.subresource:
            name = f"{name}/{resource.subresource}"
        listed = by_group.setdefault(group, [])
        if name not in listed:
            listed.append(name)
    made: list[Obj] = [
        {
            "verbs": list(words),
            "apiGroups": [group],
            "resources": by_group[group],
            "resourceNames": list(dict.fromkeys(names)),
        }
        for group in sorted(by_group)
    ]
    if urls:
        made.append({"verbs": list(words), "nonResourceURLs": list(urls)})
    return made


def subjects(call: Invocation) -> list[Obj]:
    """What --user, --group and --serviceaccount name. Raises UsageError."""
    flags = call.flags
    found: list[Obj] = [{"kind": "User", "apiGroup": GROUP, "name": user} for user in flags.user]
    found += [{"kind": "Group", "apiGroup": GROUP, "name": group} for group in flags.group]
    for account in flags.serviceaccount:
        namespace, _, name = account.partition(":")
        if not namespace or not name or ":" in name:
            raise UsageError("serviceaccount must be <namespace>:<name>")
        found.append({"kind": "ServiceAccount", "name": name, "namespace": namespace})
    return found


def role_ref(kind: str, name: str) -> Obj:
    return {"apiGroup": GROUP, "kind": kind, "name": name}
