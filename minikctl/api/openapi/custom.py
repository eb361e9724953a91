"""The definitions of custom resources: their schemas as OpenAPI clients can use them.

Source: apiextensions-apiserver `pkg/controller/openapi` (builder, v2 conversion), `pkg/apiserver/schema` (unfolding).
"""

from __future__ import annotations

from typing import Any

from minikctl.api import prose
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.openapi.definitions import META, V2, reference

_JUNCTORS = ("allOf", "oneOf", "anyOf", "not")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def custom_name(kind: Kind, name: str = "") -> str:
    """`com.example.stable.v1.CronTab` for group stable.example.com."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, name or kind.kind])


def group_version_kind(kind: Kind, name: str) -> Obj:
    return {"x-kubernetes-group-version-kind": [{"group": kind.group, "kind": name, "version": kind.version}]}


def _type_texts() -> dict[str, str]:
    return prose.describe("apps/v1.Deployment")[1]


def _type_meta() -> Obj:
    texts = _type_texts()
    return {n: {"type": "string", "description": texts.get(n, "")} for n in ("apiVersion", "kind")}


def _object_meta(where: str) -> Obj:
    return reference(META + "ObjectMeta", where, description=_type_texts().get("metadata", ""))


def definition(kind: Kind, where: str) -> Obj:
    """The definition of a custom kind."""
    given = kind.openapi_schema
    if given is None or (where == V2 and given.get("x-kubernetes-preserve-unknown-fields")):
        # no properties here, not even metadata: kubectl would take every other field for unknown
        return {"type": "object", **_extensions(kind)}
    made = _published(given, where)
    made["properties"] = _sorted({**(made.get("properties") or {}), "metadata": _object_meta(where), **_type_meta()})
    return {**made, **_extensions(kind)}


def _extensions(kind: Kind) -> Obj:
    fields = sorted(kind.selectable_fields({"metadata": {}}))
    selectable = {"x-kubernetes-selectable-fields": [{"fieldPath": f} for f in fields]} if fields else {}
    return {**group_version_kind(kind, kind.kind), **selectable}


def _sorted(properties: Obj) -> Obj:
    return dict(sorted(properties.items()))


def list_definition(kind: Kind, where: str) -> Obj:
    """The definition of the list of a custom kind."""
    properties = {
        **_type_meta(),
        "items": {
            "description": f"List of {kind.plural}.",
            "type": "array",
            "items": reference(custom_name(kind), where),
        },
        "metadata": reference(META + "ListMeta", where, description=_type_texts().get("metadata", "")),
    }
    return {
        "description": f"{kind.list_kind} is a list of {kind.kind}",
        "type": "object",
        "required": ["items"],
        "properties": _sorted(properties),
        **group_version_kind(kind, kind.list_kind),
    }


def _published(node: Obj, where: str) -> Obj:
    """One part of a schema: unfolded for v3; for v2 without what clients of v2 trip over."""
    out: Obj = {}
    for key, value in (_reduced(node) if where == V2 else node).items():
        if key == "properties":
            out[key] = _sorted({name: _published(inner, where) for name, inner in value.items()})
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            out[key] = _published(value, where)
        else:
            out[key] = value
    if where != V2 and out.get("x-kubernetes-int-or-string"):
        _unfold(out)
    if node.get("x-kubernetes-embedded-resource"):
        _embed(out, where)
    return out


def _unfold(out: Obj) -> None:
    """Say in plain OpenAPI what x-kubernetes-int-or-string means."""
    any_of, all_of = out.get("anyOf"), out.get("allOf") or []
    if any_of == _INT_OR_STRING or (all_of and all_of[0].get("anyOf") == _INT_OR_STRING):
        return
    if not any_of:
        out["anyOf"] = _INT_OR_STRING
    else:
        out["allOf"] = [{"anyOf": _INT_OR_STRING}, *all_of]


def _reduced(node: Obj) -> Obj:
    """Without alternatives; untyped where null or unknown fields may stand: kubectl takes types there too seriously."""
    out = {k: v for k, v in node.items() if k not in _JUNCTORS}
    free, nullable = out.get("x-kubernetes-preserve-unknown-fields"), out.pop("nullable", False)
    if free or nullable:
        out.pop("items", None)
        out.pop("properties", None)
    if nullable or (free and out.get("type") == "object") or (out.get("type") == "array" and "items" not in out):
        out.pop("type", None)
    optional = {name for name, part in (out.get("properties") or {}).items() if part.get("nullable")}
    extra = out.get("additionalProperties")
    if isinstance(extra, dict) and extra.get("nullable"):
        optional |= set(out.get("required") or [])
    if out.get("required") and optional:
        out["required"] = [name for name in out["required"] if name not in optional]
    return {k: v for k, v in out.items() if k != "required" or v}


def _embed(out: Obj, where: str) -> None:
    if where == V2 and out.get("x-kubernetes-preserve-unknown-fields"):
        return
    properties: Any = out.get("properties") or {}
    out["properties"] = _sorted({**properties, **_type_meta(), "metadata": _object_meta(where)})
    if where != V2:
        out["required"] = list(dict.fromkeys([*(out.get("required") or []), "kind", "apiVersion"]))
