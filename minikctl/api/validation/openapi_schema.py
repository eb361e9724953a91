"""Which openAPIV3Schemas a definition may have: keywords, list types, defaults, and rules that compile.

Source: apiextensions-apiserver `pkg/apis/apiextensions/validation`, `pkg/apiserver/schema/defaulting/validation.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from minikctl.api import schema as types
from minikctl.api.crd import embedded, paths, reading, values
from minikctl.api.errors import (
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_invalid_whole,
    field_not_supported,
    field_required,
    field_too_many,
)
from minikctl.api.validation import schema_rules, structural_schema
from minikctl.api.validation.common import Errors
from minikctl.api.validation.structural_schema import property_path

Schema = dict[str, Any]
TYPES = ["array", "boolean", "integer", "number", "object", "string"]
MAX_SELECTABLE = 8
_META = ("metadata", "kind", "apiVersion")
_AT_ROOT = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength",
    "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties",
    "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations",
)  # fmt: skip
_ALLOWED_AT_ROOT = {n[0].lower() + n[1:] for n in _AT_ROOT} | {
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")


@dataclass(frozen=True)
class Where:
    """What the place of a schema within the whole forbids."""

    root: bool = False
    no_defaults: str = ""
    """Why not; empty when defaults are allowed."""
    in_metadata: bool = False
    uncorrelatable: str = ""
    """The path above which old and new parts cannot be matched: no `oldSelf` there."""
    with_rules: bool = True
    """Whether rules are compiled here (below junctors they are forbidden anyway)."""


def validate(schema: Schema, path: str, *, status: bool) -> Errors:
    """All errors of one version's schema. status: whether it has the status subresource."""
    errors = _at_root(schema, path) if status else []
    if schema.get("nullable"):
        errors.append(field_forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    problems = structural_schema.validate(schema, path) or _defaults(schema, path, root=True)
    broken, rules = _schema(schema, path, Where(root=True, with_rules=not problems))
    return errors + problems + broken + rules


def _at_root(schema: Schema, path: str) -> Errors:
    if schema.get("type") not in (None, "object"):
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        return [field_invalid(f"{path}.type", schema["type"], why)]
    if any(v not in (None, [], {}, "", False) and k not in _ALLOWED_AT_ROOT for k, v in schema.items()):
        shown = "[" + " ".join(_AT_ROOT) + "]"
        why = f"only {shown} fields are allowed at the root of the schema if the status subresource is enabled"
        return [field_invalid_whole(path, why)]
    return []


# ---------------------------------------------------------------------- keywords


def _schema(s: Schema, path: str, where: Where) -> tuple[Errors, Errors]:
    """(errors of the schema, errors of its rules). Rules are not compiled above an error."""
    errors = _keywords(s, path, where)
    rule_errors: Errors = []
    for part, at, inner in _parts(s, path, where):
        below, rules_below = _schema(part, at, inner)
        errors += below
        rule_errors += rules_below
    errors += _lists(s, path) + schema_rules.validate(s, path)
    if where.with_rules and not errors:
        rule_errors += schema_rules.compile_all(s, path, root=where.root, uncorrelatable=where.uncorrelatable)
    return errors, rule_errors


def _parts(s: Schema, path: str, where: Where) -> list[tuple[Schema, str, Where]]:
    """Every schema directly within a schema, with its path and place."""
    plain = replace(where, root=False)
    nested = replace(plain, with_rules=False)
    out: list[tuple[Schema, str, Where]] = []
    extra = s.get("additionalProperties")
    if isinstance(extra, dict):
        why = "inside additionalProperties applying to object metadata" if where.in_metadata else where.no_defaults
        out.append((extra, f"{path}.additionalProperties", replace(plain, no_defaults=why)))
    for name, part in (s.get("properties") or {}).items():
        inner = plain
        if s.get("x-kubernetes-map-type") == "atomic":
            inner = replace(inner, uncorrelatable=where.uncorrelatable or path)
        if (where.root or s.get("x-kubernetes-embedded-resource")) and name in _META:
            inner = replace(inner, in_metadata=True)
            if where.root:
                inner = replace(inner, no_defaults=f"in top-level {name}")
        out.append((part, property_path(path, name), inner))
    if isinstance(s.get("not"), dict):
        out.append((s["not"], f"{path}.not", nested))
    for junctor in ("allOf", "oneOf", "anyOf"):
        out += [(part, f"{path}.{junctor}[{i}]", nested) for i, part in enumerate(s.get(junctor) or [])]
    if isinstance(s.get("items"), dict):
        is_map = s.get("x-kubernetes-list-type") == "map"
        at = where.uncorrelatable or ("" if is_map else path)
        out.append((s["items"], f"{path}.items", replace(plain, uncorrelatable=at)))
    return out


def _keywords(s: Schema, path: str, where: Where) -> Errors:
    errors: Errors = []
    kind = s.get("type") or ""
    if kind and kind not in TYPES:
        errors.append(field_not_supported(f"{path}.type", kind, TYPES))
    if s.get("default") is not None and where.no_defaults:
        errors.append(field_forbidden(f"{path}.default", f"must not be set {where.no_defaults}"))
    errors += [field_forbidden(f"{path}.{k}", f"{k} is not supported") for k in _UNSUPPORTED if s.get(k)]
    if kind == "null":
        why = "type cannot be set to null, use nullable as an alternative"
        errors.append(field_forbidden(f"{path}.type", why))
    if isinstance(s.get("items"), list):
        errors.append(field_forbidden(f"{path}.items", "items must be a schema object and not an array"))
    if where.in_metadata and s.get("x-kubernetes-embedded-resource"):
        why = "must not be used inside of resource meta"
        errors.append(field_forbidden(f"{path}.x-kubernetes-embedded-resource", why))
    if s.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        errors.append(field_forbidden(f"{path}.uniqueItems", why))
    extra = s.get("additionalProperties")
    if extra is not None and extra is not True and s.get("properties"):
        why = "additionalProperties and properties are mutual exclusive"
        errors.append(field_forbidden(f"{path}.additionalProperties", why))
    if s.get("x-kubernetes-preserve-unknown-fields") is False:
        at = f"{path}.x-kubernetes-preserve-unknown-fields"
        errors.append(field_invalid(at, False, "must be true or undefined"))
    return errors


# ---------------------------------------------------------------------- lists and maps


def _lists(s: Schema, path: str) -> Errors:
    map_type, list_type = s.get("x-kubernetes-map-type"), s.get("x-kubernetes-list-type")
    errors: Errors = []
    for given, wanted, name in ((map_type, "object", "map"), (list_type, "array", "list")):
        if given is not None and s.get("type") != wanted:
            why = f"must be {wanted} if x-kubernetes-{name}-type is specified"
            kind = s.get("type")
            errors.append(field_invalid(f"{path}.type", kind, why) if kind else field_required(f"{path}.type", why))
    if map_type not in (None, "atomic", "granular"):
        errors.append(field_not_supported(f"{path}.x-kubernetes-map-type", map_type, ["atomic", "granular"]))
    if list_type not in (None, "atomic", "set", "map"):
        errors.append(field_not_supported(f"{path}.x-kubernetes-list-type", list_type, ["atomic", "set", "map"]))
    items = s.get("items")
    if list_type in ("set", "map") and isinstance(items, dict) and items.get("nullable"):
        why = f"cannot be nullable when x-kubernetes-list-type is {list_type}"
        errors.append(field_forbidden(f"{path}.items.nullable", why))
    if list_type == "set" and s.get("type") == "array" and isinstance(items, dict):
        errors += _set_items(items, f"{path}.items")
    return errors + _map_keys(s, path)


def _set_items(items: Schema, path: str) -> Errors:
    why = "must be atomic as item of a list with x-kubernetes-list-type=set"
    if items.get("type") == "array" and items.get("x-kubernetes-list-type") not in (None, "atomic"):
        return [field_invalid(f"{path}.x-kubernetes-list-type", items["x-kubernetes-list-type"], why)]
    if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
        return [field_invalid(f"{path}.x-kubernetes-map-type", None, why)]
    return []


def _map_keys(s: Schema, path: str) -> Errors:
    keys, list_type = s.get("x-kubernetes-list-map-keys") or [], s.get("x-kubernetes-list-type")
    at, type_at = f"{path}.x-kubernetes-list-map-keys", f"{path}.x-kubernetes-list-type"
    errors: Errors = []
    why = "must be map if x-kubernetes-list-map-keys is non-empty"
    if keys and list_type is None:
        errors.append(field_required(type_at, why))
    elif keys and list_type != "map":
        errors.append(field_invalid(type_at, list_type, why))
    if list_type != "map":
        return errors
    if not keys:
        errors.append(field_required(at, "must not be empty if x-kubernetes-list-type is map"))
    items = s.get("items")
    if not isinstance(items, dict):
        errors.append(field_required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map"))
        return errors
    if items.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        return [*errors, field_invalid(f"{path}.items.type", items.get("type") or "", why)]
    for i, key in enumerate(keys):
        errors += _map_key(items, key, keys, f"{path}.items", at)
        if key in keys[:i]:
            errors.append(field_invalid(at, keys, "must not contain duplicate entries"))
    return errors


def _map_key(items: Schema, key: str, keys: list[str], path: str, at: str) -> Errors:
    known = (items.get("properties") or {}).get(key)
    if known is None:
        return [field_invalid(at, keys, "entries must all be names of item properties")]
    errors: Errors = []
    where = property_path(path, key)
    if known.get("type") in ("array", "object"):
        why = "must be a scalar type if parent array's x-kubernetes-list-type is map"
        errors.append(field_invalid(f"{where}.type", items["type"], why))
    if key not in (items.get("required") or []) and known.get("default") is None:
        why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
        errors.append(field_required(f"{where}.default", why))
    if known.get("nullable"):
        why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
        errors.append(field_forbidden(f"{where}.nullable", why))
    return errors


# ---------------------------------------------------------------------- defaults


def _defaults(s: Schema, path: str, *, root: bool = False) -> Errors:
    """Defaults must be valid themselves, and nothing that pruning would take away."""
    errors: Errors = []
    if s.get("default") is not None:
        errors += _default(s, f"{path}.default")
    if isinstance(s.get("items"), dict):
        errors += _defaults(s["items"], f"{path}.items")
    for name, part in (s.get("properties") or {}).items():
        if not (root and name in _META):
            errors += _defaults(part, property_path(path, name))
    return errors


def _default(s: Schema, path: str) -> Errors:
    given, pruned = s["default"], reading.copy(s["default"])
    errors: Errors = []
    if reading.prune(s, pruned):
        errors.append(field_invalid(path, given, "must not have unknown fields"))
    try:
        reading.coerce(s, reading.copy(given))
    except types.DecodeError as e:
        return [*errors, field_invalid(path, given, f"must result in valid metadata: {e}")]
    return errors + (embedded.validate(s, given, path) or values.validate(s, given, path))


# ---------------------------------------------------------------------- selectable fields


def selectable_fields(fields: list[Schema], schema: Schema, path: str) -> Errors:
    """Errors of a version's selectableFields."""
    errors: Errors = []
    seen: set[str] = set()
    for i, field in enumerate(fields):
        given, at = field.get("jsonPath") or "", f"{path}[{i}].jsonPath"
        if not given:
            errors.append(field_required(at))
            continue
        try:
            found = paths.find(schema, given, brackets=False)
        except paths.PathError as e:
            errors.append(field_invalid(at, given, f"is an invalid path: {e}"))
            continue
        if paths.steps(given)[:1] == ["metadata"]:
            errors.append(field_invalid(at, given, "must not point to fields in metadata"))
        if found.get("type") not in ("string", "boolean", "integer"):
            why = (
                "must point to a field of type string, boolean or integer. "
                "Enum string fields and strings with formats are allowed."
            )
            errors.append(field_invalid(at, given, why))
        if given in seen:
            errors.append(field_duplicate(at, given))
        seen.add(given)
    if len(seen) > MAX_SELECTABLE:
        errors.append(field_too_many(path, len(seen), MAX_SELECTABLE))
    return errors
