"""Discovery: which groups, versions and resources are served. Pure functions of the kinds.

Source: Kubernetes concept "API overview", aggregated discovery KEP-3352.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minikctl.api.crd.versions import version_rank
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj

PRIORITY = (
    "", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch",
    "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io",
    "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io",
    "discovery.k8s.io", "flowcontrol.apiserver.k8s.io",
)  # fmt: skip
"""The order of groups: it decides what `kubectl get events` means."""

SUBRESOURCE_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "log": None,
    "exec": ("", "v1", "PodExecOptions"),
    "attach": ("", "v1", "PodAttachOptions"),
    "portforward": ("", "v1", "PodPortForwardOptions"),
}
SUBRESOURCE_VERBS = {
    "status": ["get", "patch", "update"],
    "scale": ["get", "patch", "update"],
    "binding": ["create"],
    "eviction": ["create"],
    "token": ["create"],
    "log": ["get"],
    "exec": ["create", "get"],
    "attach": ["create", "get"],
    "portforward": ["create", "get"],
    "proxy": ["create", "delete", "get", "patch", "update"],
    "finalize": ["update"],
    "approval": ["get", "patch", "update"],
    "ephemeralcontainers": ["get", "patch", "update"],
    "resize": ["get", "patch", "update"],
}


def _groups(kinds: Iterable[Kind]) -> dict[str, dict[str, list[Kind]]]:
    """group → version → kinds, groups in order of priority."""
    found: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds:
        found.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)

    def rank(group: str) -> tuple[int, str]:
        return (PRIORITY.index(group) if group in PRIORITY else len(PRIORITY), group)

    return {g: dict(sorted(found[g].items(), key=lambda v: version_rank(v[0]))) for g in sorted(found, key=rank)}


def api_versions(server: str) -> Obj:
    """/api"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}],
    }


def api_groups(kinds: Iterable[Kind]) -> Obj:
    """/apis"""
    groups = [api_group(g, list(v)) for g, v in _groups(kinds).items() if g]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(group: str, versions: list[str]) -> Obj:
    """One entry of /apis, and /apis/GROUP."""
    shown = [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]
    return {"name": group, "versions": shown, "preferredVersion": shown[0]}


def group_document(kinds: Iterable[Kind], group: str) -> Obj | None:
    """/apis/GROUP"""
    versions = _groups(kinds).get(group)
    return {"kind": "APIGroup", "apiVersion": "v1", **api_group(group, list(versions))} if versions else None


def resource_list(kinds: Iterable[Kind], group: str, version: str) -> Obj | None:
    """/api/v1, /apis/GROUP/VERSION"""
    found = _groups(kinds).get(group, {}).get(version)
    if not found:
        return None
    resources = [r for kind in sorted(found, key=lambda k: k.plural) for r in _legacy(kind)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


def _legacy(kind: Kind) -> Iterator[Obj]:
    main: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    if kind.categories:
        main["categories"] = list(kind.categories)
    yield main
    for sub in sorted(kind.subresources):
        entry: Obj = {
            "name": f"{kind.plural}/{sub}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": SUBRESOURCE_VERBS.get(sub, ["get"]),
        }
        other = SUBRESOURCE_KINDS.get(sub)
        if other:
            entry |= {"group": other[0], "version": other[1], "kind": other[2]}
        yield entry


def aggregated(kinds: Iterable[Kind], *, core: bool) -> Obj:
    """/api and /apis as apidiscovery.k8s.io/v2 APIGroupDiscoveryList."""
    items = []
    for group, versions in _groups(kinds).items():
        if (group == "") != core:
            continue
        shown = [
            {
                "version": version,
                "resources": [_modern(k) for k in sorted(found, key=lambda k: k.plural)],
                "freshness": "Current",
            }
            for version, found in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": shown})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _modern(kind: Kind) -> Obj:
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [_modern_subresource(kind, s) for s in sorted(kind.subresources)]
    return entry


def _modern_subresource(kind: Kind, sub: str) -> Obj:
    group, version, name = SUBRESOURCE_KINDS.get(sub) or (kind.group, kind.version, kind.kind)
    return {
        "subresource": sub,
        "responseKind": {"group": group, "version": version, "kind": name},
        "verbs": SUBRESOURCE_VERBS.get(sub, ["get"]),
    }
