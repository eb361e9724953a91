"""Resources within custom resources (x-kubernetes-embedded-resource). Source: apiextensions `schema/objectmeta`."""

from __future__ import annotations

from typing import Any

from minikctl.api import names
from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.meta import Obj

Schema = dict[str, Any]


def validate(schema: Schema | None, value: Any, path: str = "") -> list[FieldError]:
    """Errors in the apiVersion, kind and metadata of embedded resources."""
    if schema is None:
        return []
    errors: list[FieldError] = []
    if isinstance(value, dict):
        if schema.get("x-kubernetes-embedded-resource"):
            errors += _resource(value, path)
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, item in value.items():
            if name in properties:
                errors += validate(properties[name], item, f"{path}.{name}" if path else name)
            elif isinstance(extra, dict):
                errors += validate(extra, item, f"{path}[{name}]")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            errors += validate(schema.get("items"), item, f"{path}[{i}]")
    return errors


def _resource(value: Obj, path: str) -> list[FieldError]:
    errors = [field_required(f"{path}.{name}") for name in ("apiVersion", "kind") if name not in value]
    api_version, kind = value.get("apiVersion", "v1"), value.get("kind", "x")
    for name, given in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(given, str):
            errors.append(field_invalid(f"{path}.{name}", given, "must be a string"))
        elif not given:
            errors.append(field_invalid(f"{path}.{name}", given, "must not be empty"))
    if isinstance(api_version, str) and api_version.count("/") > 1:
        why = f"unexpected GroupVersion string: {api_version}"
        errors.append(field_invalid(f"{path}.apiVersion", api_version, why))
    if isinstance(kind, str) and kind and (problems := names.dns_1035_label(kind.lower())):
        why = "may have mixed case, but should otherwise match: " + ",".join(problems)
        errors.append(field_invalid(f"{path}.kind", kind, why))
    return errors + _metadata(value.get("metadata") or {}, f"{path}.metadata")


def _metadata(metadata: Any, path: str) -> list[FieldError]:
    if not isinstance(metadata, dict):
        return [field_invalid(path, metadata, "must be an object")]
    errors: list[FieldError] = []
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name:
        errors += [field_invalid(f"{path}.name", name, m) for m in names.path_segment(name)]
    if namespace:
        errors += [field_invalid(f"{path}.namespace", namespace, m) for m in names.dns_label(namespace)]
    errors += names.validate_labels(metadata.get("labels"), f"{path}.labels")
    errors += names.validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    return errors + names.validate_finalizers(metadata.get("finalizers") or [], f"{path}.finalizers")
