"""What a server serves, as kinds. Source: client-go `discovery`, `restmapper`; apidiscovery.k8s.io/v2.

Asked in two requests (aggregated discovery), or group by group where a server does not know that. The answer is kept
in a file for a while, as kubectl keeps it: a kind that is not found makes it be asked anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from minikctl.api import kinds as built_in
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.util.jsonio import JSONError, compact, loads

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)
LIFETIME = 6 * 3600.0
"""Seconds for which the kept answer is believed."""
Get = Callable[[str, str], Obj]
"""(path, Accept) → the JSON document. Raises ApiError, Unreachable."""


class Discovery:
    """Finds kinds; asks when it is first needed. `cache`: where the answer is kept, None for nowhere."""

    def __init__(self, get: Get, cache: Path | None = None):
        self._get, self._cache = get, cache
        self._entries: list[Obj] | None = None
        self._made: dict[int, Kind] = {}
        self._fresh = False

    def all(self) -> list[Kind]:
        return [self._kind(e) for e in self._known()]

    def find(self, word: str) -> Kind | None:
        """`po`, `pods`, `Pod`, `deployments.apps`, `deployments.v1.apps`."""
        return self._sought(lambda e: _is_called(e, word)) or (
            self.find(word.lower()) if word != word.lower() else None
        )

    def by_gvk(self, group: str, version: str, kind: str) -> Kind | None:
        return self._sought(lambda e: (e["group"], e["version"], e["kind"]) == (group, version, kind))

    def refresh(self) -> None:
        self._made.clear()
        self._entries = self._asked()

    def _known(self) -> list[Obj]:
        if self._entries is None:
            self._entries = self._kept() or self._asked()
        return self._entries

    def _kind(self, entry: Obj) -> Kind:
        if id(entry) not in self._made:
            self._made[id(entry)] = _kind(entry)
        return self._made[id(entry)]

    def _sought(self, fits: Callable[[Obj], bool]) -> Kind | None:
        found = next(filter(fits, self._known()), None)
        if found is None and not self._fresh:
            self.refresh()
            found = next(filter(fits, self._known()), None)
        return self._kind(found) if found else None

    # ------------------------------------------------------------------ asking

    def _asked(self) -> list[Obj]:
        entries: list[Obj] = []
        for path in ("/api", "/apis"):
            document = self._get(path, AGGREGATED)
            if document.get("kind") == "APIGroupDiscoveryList":
                entries += _aggregated(document)
            else:
                entries += self._one_by_one(document)
        self._fresh = True
        self._keep(entries)
        return entries

    def _one_by_one(self, document: Obj) -> list[Obj]:
        """The old way, for servers before 1.26: a document a group and version; a broken one is left out."""
        from minikctl.api.errors import ApiError

        if document.get("kind") == "APIVersions":
            paths = [(f"/api/{v}", "", v) for v in document.get("versions") or []]
        else:
            paths = []
            for group in document.get("groups") or []:
                versions = [v["version"] for v in group.get("versions") or []]
                preferred = (group.get("preferredVersion") or {}).get("version")
                versions.sort(key=lambda v, p=preferred: v != p)  # type: ignore[misc]
                paths += [(f"/apis/{group['name']}/{v}", group["name"], v) for v in versions]
        entries = []
        for path, group_name, version in paths:
            try:
                found = self._get(path, "application/json")
            except ApiError:
                continue
            entries += _legacy(found, group_name, version)
        return entries

    # ------------------------------------------------------------------ keeping

    def _kept(self) -> list[Obj] | None:
        if self._cache is None:
            return None
        try:
            if not 0 <= time.time() - self._cache.stat().st_mtime < LIFETIME:
                return None
            found = loads(self._cache.read_bytes())
        except (OSError, JSONError):
            return None
        return found if isinstance(found, list) else None

    def _keep(self, entries: list[Obj]) -> None:
        if self._cache is None:
            return
        from minikctl.util.files import atomic_write

        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._cache, compact(entries))
        except OSError:
            pass  # it saves time, nothing more


def cache_file(folder: str, server: str) -> Path:
    """Beside kubectl's own files, in a folder of the same name."""
    host = re.sub(r"[^(\w/.)]", "_", re.sub(r"^https?://", "", server))
    return Path(folder) / "discovery" / host / "minikctl.json"


def _aggregated(document: Obj) -> list[Obj]:
    entries = []
    for group in document.get("items") or []:
        for version in group.get("versions") or []:
            if version.get("freshness", "Current") != "Current" and not version.get("resources"):
                continue
            for resource in version.get("resources") or []:
                shown = resource.get("responseKind") or {}
                entries.append(
                    {
                        "group": group["metadata"].get("name", ""),
                        "version": version["version"],
                        "kind": shown.get("kind", ""),
                        "plural": resource["resource"],
                        "singular": resource.get("singularResource", ""),
                        "namespaced": resource.get("scope") == "Namespaced",
                        "short": resource.get("shortNames") or [],
                        "categories": resource.get("categories") or [],
                        "verbs": resource.get("verbs") or [],
                        "sub": [s["subresource"] for s in resource.get("subresources") or []],
                    }
                )
    return entries


def _legacy(document: Obj, group: str, version: str) -> list[Obj]:
    resources = document.get("resources") or []
    subs: dict[str, list[str]] = {}
    for resource in resources:
        main, slash, sub = resource["name"].partition("/")
        if slash:
            subs.setdefault(main, []).append(sub)
    return [
        {
            "group": r.get("group") or group,
            "version": r.get("version") or version,
            "kind": r["kind"],
            "plural": r["name"],
            "singular": r.get("singularName") or "",
            "namespaced": bool(r.get("namespaced")),
            "short": r.get("shortNames") or [],
            "categories": r.get("categories") or [],
            "verbs": r.get("verbs") or [],
            "sub": subs.get(r["name"], []),
        }
        for r in resources
        if "/" not in r["name"]
    ]


def _kind(entry: Obj) -> Kind:
    """A kind as the server says it is; what we know of a built-in one (its schema, its columns) comes with it."""
    names: dict[str, Any] = {
        "plural": entry["plural"],
        "singular": entry["singular"] or entry["kind"].lower(),
        "namespaced": entry["namespaced"],
        "short_names": tuple(entry["short"]),
        "categories": tuple(entry["categories"]),
        "verbs": tuple(entry["verbs"]),
        "subresources": tuple(entry["sub"]),
    }
    known = built_in.by_gvk(entry["group"], entry["version"], entry["kind"])
    if known is not None:
        return replace(known, **names)
    return Kind(entry["group"], entry["version"], entry["kind"], type="", **names)


def _is_called(entry: Obj, word: str) -> bool:
    name, _, rest = word.partition(".")
    if name not in (entry["plural"], entry["singular"], entry["kind"].lower(), entry["kind"], *entry["short"]):
        return False
    group, version = entry["group"], entry["version"]
    return rest in ("", group, f"{version}.{group}", version if not group else None)
