"""Which OpenAPI schemas are structural: every field has one type, in one place. Custom resources need that.

Source: apiextensions-apiserver `pkg/apiserver/schema/{validation,complete}.go`, KEP "CRD structural schemas".
"""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import field_forbidden, field_invalid, field_required
from minikctl.api.validation.common import Errors

Schema = dict[str, Any]
ROOT, ITEM, FIELD = "root", "item", "field"
_JUNCTORS = ("anyOf", "allOf", "oneOf")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_EMPTY_TYPE = {
    ROOT: "must not be empty at the root",
    ITEM: "must not be empty for specified array items",
    FIELD: "must not be empty for specified object fields",
}
_UNSTRUCTURAL = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
"""What may not stand below anyOf, allOf, oneOf, not."""


def validate(schema: Schema, path: str) -> Errors:
    """Every reason why a schema is not structural, sorted by text."""
    return sorted(_invariants(schema, ROOT, path) + _complete(schema, schema, path, path), key=str)


def property_path(path: str, name: str) -> str:
    return f"{path}.properties[{name}]"


def _invariants(s: Schema, level: str, path: str) -> Errors:
    errors: Errors = []
    kind, items = s.get("type") or "", s.get("items")
    if kind == "array" and not isinstance(items, dict):
        errors.append(field_required(f"{path}.items", "must be specified"))
    if isinstance(items, dict):
        errors += _invariants(items, ITEM, f"{path}.items")
    for name, part in (s.get("properties") or {}).items():
        errors += _invariants(part, FIELD, property_path(path, name))
    extra = s.get("additionalProperties")
    if extra is not None and level == ROOT:
        errors.append(field_forbidden(f"{path}.additionalProperties", "must not be used at the root"))
    if isinstance(extra, dict):
        errors += _invariants(extra, FIELD, f"{path}.additionalProperties")
    errors += _extensions(s, path) + _value_validation(s, level, path, top=True) + _type(s, level, path)
    return errors + _resource(s, level, path)


def _extensions(s: Schema, path: str) -> Errors:
    if not s.get("x-kubernetes-int-or-string"):
        return []
    return [
        field_invalid(f"{path}.{name}", True, "must be false if x-kubernetes-int-or-string is true")
        for name in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource")
        if s.get(name)
    ]


def _type(s: Schema, level: str, path: str) -> Errors:
    kind, at = s.get("type") or "", f"{path}.type"
    if s.get("x-kubernetes-embedded-resource") and kind != "object":
        why = "must be object if x-kubernetes-embedded-resource is true"
        return [field_invalid(at, kind, why) if kind else field_required(at, why)]
    free = s.get("x-kubernetes-int-or-string") or s.get("x-kubernetes-preserve-unknown-fields")
    if not kind:
        return [] if free else [field_required(at, _EMPTY_TYPE[level])]
    return [field_invalid(at, kind, "must be object at the root")] if level == ROOT and kind != "object" else []


def _resource(s: Schema, level: str, path: str) -> Errors:
    """What whole resources, the root and embedded ones, may say about themselves."""
    errors: Errors = []
    properties = s.get("properties") or {}
    embedded = bool(s.get("x-kubernetes-embedded-resource"))
    if embedded and s.get("additionalProperties") is not None:
        why = "must not be used if x-kubernetes-embedded-resource is set"
        errors.append(field_forbidden(f"{path}.additionalProperties", why))
    is_resource = level == ROOT or embedded
    for name, wanted in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        part = properties.get(name)
        if part is not None and is_resource and part.get("type") != wanted:
            at = f"{property_path(path, name)}.type"
            errors.append(field_invalid(at, part.get("type") or "", f"must be {wanted}"))
    if level == ROOT and "metadata" in properties and not _is_plain_metadata(properties["metadata"]):
        why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        errors.append(field_forbidden(property_path(path, "metadata"), why))
    if embedded and not properties and not s.get("x-kubernetes-preserve-unknown-fields"):
        why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        errors.append(field_required(f"{path}.properties", why))
    return errors


def _is_plain_metadata(metadata: Schema) -> bool:
    rest = {k: v for k, v in metadata.items() if k not in ("type", "default") and v not in (None, "", [], {}, False)}
    return not rest or (rest.keys() == {"properties"} and set(rest["properties"]) <= {"name", "generateName"})


def _value_validation(s: Schema, level: str, path: str, *, top: bool) -> Errors:
    errors: Errors = []
    for junctor in _JUNCTORS:
        for i, nested in enumerate(s.get(junctor) or []):
            at = f"{path}.{junctor}[{i}]"
            if junctor == "anyOf" and s["anyOf"] == _INT_OR_STRING and top:
                continue
            errors += _nested(nested, level, at, with_types=junctor == "allOf" and i == 0 and top)
    if isinstance(s.get("not"), dict):
        errors += _nested(s["not"], level, f"{path}.not")
    if s.get("pattern"):
        from minikctl.api.cel import regex

        problem = regex.problem(s["pattern"])
        if problem:
            why = f"must be a valid regular expression, but isn't: {problem}"
            errors.append(field_invalid(f"{path}.pattern", s["pattern"], why))
    return errors


def _nested(v: Schema, level: str, path: str, *, with_types: bool = False) -> Errors:
    """A schema below a junctor. with_types: whether its anyOf may be the pair of integer and string."""
    errors = _value_validation(v, level, path, top=with_types)
    if isinstance(v.get("items"), dict):
        errors += _nested(v["items"], level, f"{path}.items")
    for name, part in (v.get("properties") or {}).items():
        errors += _nested(part, FIELD, property_path(path, name))
    errors += [field_forbidden(f"{path}.{k}", why) for k, why in _UNSTRUCTURAL.items() if v.get(k)]
    if "metadata" in (v.get("properties") or {}):
        why = "must not be specified in a nested context"
        errors.append(field_forbidden(property_path(path, "metadata"), why))
    return errors


def _complete(v: Schema, s: Any, s_path: str, v_path: str) -> Errors:
    """What value validations speak of must be specified in the structure, too."""
    errors: Errors = []
    if isinstance(v.get("not"), dict):
        errors += _nested_complete(v["not"], s, s_path, f"{v_path}.not")
    for junctor in ("allOf", "anyOf", "oneOf"):
        for i, nested in enumerate(v.get(junctor) or []):
            errors += _nested_complete(nested, s, s_path, f"{v_path}.{junctor}[{i}]")
    return errors


def _nested_complete(v: Schema, s: Any, s_path: str, v_path: str) -> Errors:
    if not isinstance(s, dict):
        return [field_required(s_path, f"because it is defined in {v_path}")]
    errors = _complete(v, s, s_path, v_path)
    if isinstance(v.get("items"), dict):
        errors += _nested_complete(v["items"], s.get("items"), f"{s_path}.items", f"{v_path}.items")
    for name, part in (v.get("properties") or {}).items():
        at, where = property_path(s_path, name), property_path(v_path, name)
        known = (s.get("properties") or {}).get(name)
        if known is None:
            errors.append(field_required(at, f"because it is defined in {where}"))
        else:
            errors += _nested_complete(part, known, at, where)
    return errors
