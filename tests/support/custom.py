"""Definitions and custom resources for tests."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj

OBJECT = {"type": "object"}


def version(name: str = "v1", spec: Obj | None = None, *, storage: bool = True, **parts: Any) -> Obj:
    """A version whose spec has these properties; `schema` replaces the whole schema."""
    whole: Obj = parts.pop("schema", None) or {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": spec or {}}, "status": {"type": "object"}},
    }
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": whole}, **parts}


def definition(*versions: Obj, kind: str = "Gadget", group: str = "tests.example.com", **parts: Any) -> Obj:
    """`gadgets.tests.example.com`; parts: scope, names, conversion, metadata."""
    plural = f"{kind.lower()}s"
    names: Obj = {"plural": plural, "kind": kind, **parts.pop("names", {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", **parts.pop("metadata", {})},
        "spec": {
            "group": group,
            "scope": parts.pop("scope", "Namespaced"),
            "names": names,
            "versions": list(versions) or [version()],
            **parts,
        },
    }


def gadget(name: str = "one", version_: str = "v1", **parts: Any) -> Obj:
    return {"apiVersion": f"tests.example.com/{version_}", "kind": "Gadget", "metadata": {"name": name}, **parts}
