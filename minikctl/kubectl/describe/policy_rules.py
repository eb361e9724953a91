"""The rules of Roles: broken down to one resource and verb each, and joined again by resource.

Source: kubectl `util/rbac` and kubectl's order, which is that of the rules' text.
"""

from __future__ import annotations

from itertools import product

from minikctl.api.meta import Obj
from minikctl.kubectl.describe.values import go
from minikctl.kubectl.describe.writer import Writer

Resource = tuple[str, str, str | None]
"""(group, resource, name or None)."""


def rules(role: Obj, w: Writer) -> None:
    w.line(0, "PolicyRule:")
    w.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs")
    w.line(1, "---------\t-----------------\t--------------\t-----")
    for row in rows(role.get("rules") or []):
        w.line(1, "\t".join(row))


def rows(policy_rules: list[Obj]) -> list[list[str]]:
    """Resources, URLs, names and verbs of each line."""
    verbs_of: dict[Resource, list[str]] = {}
    urls: list[tuple[str, str]] = []
    for rule in policy_rules:
        names: list[str | None] = [*(rule.get("resourceNames") or [])] or [None]
        for group, resource, verb, name in product(
            rule.get("apiGroups") or [], rule.get("resources") or [], rule.get("verbs") or [], names
        ):
            verbs = verbs_of.setdefault((group, resource, name), [])
            if verb not in verbs:
                verbs.append(verb)
        urls += product(rule.get("nonResourceURLs") or [], rule.get("verbs") or [])
    keyed = [_row("", "", None, "", [verb], url) for url, verb in urls]
    keyed += [
        _row(group, resource, name, _qualified(resource, group), v) for (group, resource, name), v in verbs_of.items()
    ]
    return [row for _key, row in sorted(keyed, key=lambda pair: pair[0])]


def _row(
    group: str, resource: str, name: str | None, shown: str, verbs: list[str], url: str = ""
) -> tuple[str, list[str]]:
    groups, resources = ([], []) if url else ([group], [resource])
    names, urls = [name] if name is not None else [], [url] if url else []
    key = (
        f"&PolicyRule{{Verbs:{go(verbs)},APIGroups:{go(groups)},Resources:{go(resources)},"
        f"ResourceNames:{go(names)},NonResourceURLs:{go(urls)},}}"
    )
    return key, [shown, go(urls), go(names), go(verbs)]


def _qualified(resource: str, group: str) -> str:
    """`deployments.apps/scale`."""
    base, slash, sub = resource.partition("/")
    return (f"{base}.{group}" if group else base) + slash + sub


def binding(obj: Obj, w: Writer) -> None:
    """What a RoleBinding and a ClusterRoleBinding show."""
    role = obj.get("roleRef") or {}
    w.line(0, "Role:")
    w.field(1, "Kind", role.get("kind", ""))
    w.field(1, "Name", role.get("name", ""))
    w.line(0, "Subjects:")
    w.line(1, "Kind\tName\tNamespace")
    w.line(1, "----\t----\t---------")
    for subject in obj.get("subjects") or []:
        w.line(1, f"{subject.get('kind', '')}\t{subject.get('name', '')}\t{subject.get('namespace', '')}")
