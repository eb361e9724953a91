"""Whole documents."""

from __future__ import annotations

from collections.abc import Iterable

from minikctl import KUBERNETES_VERSION
from minikctl.api import schema
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.openapi import custom
from minikctl.api.openapi.definitions import V2, V3, closure, definition, definition_name
from minikctl.api.openapi.paths import paths, v2_path


def definitions(kinds: Iterable[Kind], where: str) -> Obj:
    """Definitions of kinds, their lists, and all they refer to, by OpenAPI name."""
    kinds = list(kinds)
    by_type = {k.type: (k, "") for k in kinds if k.type}
    by_type |= {f"{k.type}List": (k, "List") for k in kinds if k.type and schema.exists(f"{k.type}List")}
    roots = [*by_type, *(["autoscaling/v1.Scale"] if any(k.scale for k in kinds) else [])]
    out: Obj = {}
    for name in closure(roots):
        made = definition(name, where)
        kind, suffix = by_type.get(name, (None, ""))
        out[definition_name(name)] = {**made, **custom.group_version_kind(kind, kind.kind + suffix)} if kind else made
    for kind in kinds:
        if not kind.type:
            name = custom.custom_name(kind)
            out[name] = custom.definition(kind, where)
            out[custom.custom_name(kind, kind.list_kind)] = custom.list_definition(kind, where)
    return dict(sorted(out.items()))


def document_v3(kinds: Iterable[Kind]) -> Obj:
    """The document of one group and version."""
    kinds = list(kinds)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
        "paths": paths(kinds),
        "components": {"schemas": definitions(kinds, V3)},
    }


def document_v2(kinds: Iterable[Kind]) -> Obj:
    """The one document of everything."""
    kinds = list(kinds)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
        "paths": {p: v2_path(item) for p, item in paths(kinds, V2).items()},
        "definitions": definitions(kinds, V2),
    }
