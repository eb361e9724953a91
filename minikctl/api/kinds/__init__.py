"""The kinds that are built in: one file each, and this folder's listing is their registry.

A module holds `KIND` or `KINDS`. Its file is called as the kind in snake case (`replica_set.py`), which lets `find`
load one kind without the others when a command names it in full; short names need the whole listing.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from minikctl.api.kind import Kind


def _load(module: str) -> tuple[Kind, ...]:
    loaded = import_module(f"{__name__}.{module}")
    kinds = getattr(loaded, "KINDS", None)
    if kinds is None:
        kinds = (loaded.KIND,)
    return tuple(kinds)


@cache
def all_kinds() -> tuple[Kind, ...]:
    """Every built-in kind, core first, then by group and name, a stored version before those made from it.

    Raises ValueError when two claim the same resource.
    """
    found: dict[tuple[str, str, str], Kind] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        for kind in _load(module.name):
            key = (kind.group, kind.version, kind.plural)
            if key in found:
                raise ValueError(f"two kinds claim {kind.api_version} {kind.plural}")
            found[key] = kind
    return tuple(
        sorted(found.values(), key=lambda k: (k.group != "", k.group, k.plural, k.conversion is not None, k.version))
    )


def _snake(kind: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()


@cache
def by_gvk(group: str, version: str, kind: str) -> Kind | None:
    """The built-in kind of a manifest's apiVersion and kind; loads one file when its name follows the rule."""
    if (Path(__file__).parent / f"{_snake(kind)}.py").exists():
        for k in _load(_snake(kind)):
            if (k.group, k.version, k.kind) == (group, version, kind):
                return k
    return next((k for k in all_kinds() if (k.group, k.version, k.kind) == (group, version, kind)), None)


_QUICK = {
    **dict.fromkeys(("pods", "pod", "po"), "pod"),
    **dict.fromkeys(("deployments", "deployment", "deploy"), "deployment"),
    **dict.fromkeys(("services", "service", "svc"), "service"),
    **dict.fromkeys(("nodes", "node", "no"), "node"),
    **dict.fromkeys(("configmaps", "configmap", "cm"), "config_map"),
    **dict.fromkeys(("namespaces", "namespace", "ns"), "namespace"),
    **dict.fromkeys(("secrets", "secret"), "secret"),
}
"""The words typed most, so that they cost one import instead of fifty. A test holds them against the kinds."""


@cache
def find(word: str) -> Kind | None:
    """The built-in kind that `po`, `pods`, `pod`, `deployments.apps` or `deployments.v1.apps` means."""
    if word in _QUICK:
        return _load(_QUICK[word])[0]
    name, _, rest = word.partition(".")
    for kind in all_kinds():
        if name not in (kind.plural, kind.singular, *kind.short_names, kind.kind.lower()) and name != kind.kind:
            continue
        if rest in ("", kind.group, f"{kind.version}.{kind.group}", kind.version if not kind.group else None):
            return kind
    return None
