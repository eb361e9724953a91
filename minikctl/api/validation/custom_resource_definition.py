"""Which CustomResourceDefinitions are valid: names, versions, columns and subresources.

Source: apiextensions-apiserver `pkg/apis/apiextensions/validation`. The schemas themselves: `openapi_schema`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj, condition_is
from minikctl.api.names import dns_1035_label, dns_subdomain
from minikctl.api.validation import openapi_schema, webhooks
from minikctl.api.validation.common import Errors, immutable

SCOPES = ["Cluster", "Namespaced"]
COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"]
COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"]
MAX_WARNING = 256
PROTECTED = ("k8s.io", "kubernetes.io")
APPROVED = "api-approved.kubernetes.io"


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    name = obj["metadata"].get("name", "")
    errors: Errors = []
    if name != f"{names.get('plural', '')}.{group}":
        errors.append(field_invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    errors += _group(group) + _scope(spec.get("scope") or "") + _versions(spec.get("versions") or [])
    errors += [
        field_required(f"spec.names.{field}")
        for field in ("plural", "singular", "kind", "listKind")
        if not names.get(field)
    ]
    if spec.get("preserveUnknownFields"):
        why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        errors.append(field_invalid("spec.preserveUnknownFields", True, why))
    return errors + _names(names, "spec.names") + _conversion(spec.get("conversion")) + _approval(obj, group)


def _group(group: str) -> Errors:
    if not group:
        return [field_required("spec.group")]
    problems = dns_subdomain(group)
    if problems:
        return [field_invalid("spec.group", group, ",".join(problems))]
    return [] if "." in group else [field_invalid("spec.group", group, "should be a domain with at least one dot")]


def _scope(scope: str) -> Errors:
    if not scope:
        return [field_required("spec.scope")]
    return [] if scope in SCOPES else [field_not_supported("spec.scope", scope, SCOPES)]


def _versions(versions: list[Obj]) -> Errors:
    errors: Errors = []
    for i, version in enumerate(versions):
        if _schema_of(version) is None:
            errors.append(field_required(f"spec.versions[{i}].schema.openAPIV3Schema"))
    shared = {part: _is_shared(versions, part) for part in _SHARED}
    for i, version in enumerate(versions):
        errors += _version(version, f"spec.versions[{i}]", {p: not s for p, s in shared.items()})
    if versions:
        errors += _parts(versions[0], dict(_SHARED), shared)
    names = [v.get("name", "") for v in versions]
    if len(set(names)) < len(names):
        errors.append(field_invalid("spec.versions", versions, "must contain unique version names"))
    if sum(bool(v.get("storage")) for v in versions) != 1:
        why = "must have exactly one version marked as storage version"
        errors.append(field_invalid("spec.versions", versions, why))
    return errors


_SHARED = {
    "schema": "spec.validation",
    "subresources": "spec.subresources",
    "additionalPrinterColumns": "spec.additionalPrinterColumns",
    "selectableFields": "spec.selectableFields",
}
"""Where errors are said to be in what all versions have in common: the server keeps that apart."""


def _is_shared(versions: list[Obj], part: str) -> bool:
    return all((v.get(part) or None) == (versions[0].get(part) or None) for v in versions)


def _schema_of(version: Obj) -> Obj | None:
    found: Obj | None = (version.get("schema") or {}).get("openAPIV3Schema")
    return found


def _version(version: Obj, at: str, own: dict[str, bool]) -> Errors:
    """`own`: which parts belong to this version alone."""
    errors: Errors = []
    name = version.get("name", "")
    problems = dns_1035_label(name)
    if problems:
        errors.append(field_invalid(f"{at}.name", name, ",".join(problems)))
    errors += _deprecation(version, f"{at}.deprecationWarning")
    return errors + _parts(version, {part: f"{at}.{part}" for part in _SHARED}, own)


def _deprecation(version: Obj, at: str) -> Errors:
    warning: str | None = version.get("deprecationWarning")
    if warning is None:
        return []
    if not version.get("deprecated"):
        return [field_invalid(at, warning, "can only be set for deprecated versions")]
    errors: Errors = []
    if len(warning) > MAX_WARNING:
        errors.append(field_invalid(at, warning, f"must be <= {MAX_WARNING} characters long"))
    if not warning:
        errors.append(field_invalid(at, warning, "must not be an empty string"))
    for i, char in enumerate(warning):
        if not char.isprintable():
            why = f"must only contain printable UTF-8 characters; non-printable character found at index {i}"
            errors.append(field_invalid(at, warning, why))
            break
    return errors


def _parts(version: Obj, at: dict[str, str], checked: dict[str, bool]) -> Errors:
    errors: Errors = []
    schema, subresources = _schema_of(version), version.get("subresources") or {}
    if schema is not None and checked["schema"]:
        errors += openapi_schema.validate(schema, f"{at['schema']}.openAPIV3Schema", status="status" in subresources)
    if checked["subresources"]:
        errors += _scale(subresources.get("scale"), f"{at['subresources']}.scale")
    if checked["additionalPrinterColumns"]:
        for i, column in enumerate(version.get("additionalPrinterColumns") or []):
            errors += _column(column, f"{at['additionalPrinterColumns']}[{i}]")
    if checked["selectableFields"] and version.get("selectableFields") and schema is not None:
        errors += openapi_schema.selectable_fields(version["selectableFields"], schema, at["selectableFields"])
    return errors


_SIMPLE_PATH = "must be a simple json path starting with ."


def _scale(scale: Obj | None, at: str) -> Errors:
    """Where a custom resource keeps its replica counts."""
    errors: Errors = []
    for field, below in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        path = (scale or {}).get(field) or ""
        if scale is not None and not path:
            errors.append(field_required(f"{at}.{field}"))
        elif scale is not None and not path.startswith("."):
            errors.append(field_invalid(f"{at}.{field}", path, _SIMPLE_PATH))
        elif scale is not None and not path.startswith(below):
            errors.append(field_invalid(f"{at}.{field}", path, f"should be a json path under {below[:-1]}"))
    selector = (scale or {}).get("labelSelectorPath") or ""
    if selector and not selector.startswith((".spec.", ".status.")):
        why = "should be a json path under either .spec or .status"
        errors.append(field_invalid(f"{at}.labelSelectorPath", selector, why))
    return errors


def _column(column: Obj, at: str) -> Errors:
    errors: Errors = [] if column.get("name") else [field_required(f"{at}.name")]
    kind, form = column.get("type") or "", column.get("format") or ""
    if not kind:
        errors.append(field_required(f"{at}.type", f"must be one of {','.join(COLUMN_TYPES)}"))
    elif kind not in COLUMN_TYPES:
        errors.append(field_invalid(f"{at}.type", kind, f"must be one of {','.join(COLUMN_TYPES)}"))
    if form and form not in COLUMN_FORMATS:
        errors.append(field_invalid(f"{at}.format", form, f"must be one of {','.join(COLUMN_FORMATS)}"))
    path = column.get("jsonPath") or ""
    if not path:
        errors.append(field_required(f"{at}.JSONPath"))
    elif not path.startswith("."):
        errors.append(field_invalid(f"{at}.JSONPath", path, _SIMPLE_PATH))
    return errors


def _names(names: Obj, at: str) -> Errors:
    errors: Errors = []
    for field, mixed in (("plural", False), ("singular", False), ("kind", True), ("listKind", True)):
        value = names.get(field) or ""
        problems = dns_1035_label(value.lower() if mixed else value) if value else []
        if problems:
            prefix = "may have mixed case, but should otherwise match: " if mixed else ""
            errors.append(field_invalid(f"{at}.{field}", value, prefix + ",".join(problems)))
    for i, short in enumerate(names.get("shortNames") or []):
        problems = dns_1035_label(short)
        if problems:
            errors.append(field_invalid(f"{at}.shortNames[{i}]", short, ",".join(problems)))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        errors.append(field_invalid(f"{at}.listKind", names["listKind"], "kind and listKind may not be the same"))
    for i, category in enumerate(names.get("categories") or []):
        problems = dns_1035_label(category)
        if problems:
            errors.append(field_invalid(f"{at}.categories[{i}]", category, ",".join(problems)))
    return errors


def _conversion(conversion: Obj | None) -> Errors:
    if conversion is None:
        return []
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook")
    at = "spec.conversion"
    if not strategy:
        return [field_required(f"{at}.strategy")]
    if strategy not in ("None", "Webhook"):
        return [field_not_supported(f"{at}.strategy", strategy, ["None", "Webhook"])]
    if strategy == "None":
        why = "should not be set when strategy is not set to Webhook"
        return [field_forbidden(f"{at}.webhookClientConfig", why)] if webhook is not None else []
    config = (webhook or {}).get("clientConfig")
    errors: Errors = []
    if config is None:
        errors.append(field_required(f"{at}.webhookClientConfig", "required when strategy is set to Webhook"))
    else:
        errors += webhooks.client_config(config, f"{at}.webhookClientConfig")
    return errors + _review_versions((webhook or {}).get("conversionReviewVersions") or [], at)


def _review_versions(versions: list[str], at: str) -> Errors:
    path = f"{at}.conversionReviewVersions"
    if not versions:
        return [field_required(path)]
    errors: Errors = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(field_invalid(f"{path}[{i}]", version, "duplicate version"))
        else:
            errors += [field_invalid(f"{path}[{i}]", version, m) for m in dns_1035_label(version)]
    if not {"v1", "v1beta1"} & set(versions):
        errors.append(field_invalid(path, versions, "must include at least one of v1, v1beta1"))
    return errors


def _approval(obj: Obj, group: str) -> Errors:
    """Groups of the Kubernetes community need its word."""
    if not any(group == p or group.endswith(f".{p}") for p in PROTECTED):
        return []
    given = (obj["metadata"].get("annotations") or {}).get(APPROVED)
    path = f"metadata.annotations[{APPROVED}]"
    where = "https://github.com/kubernetes/enhancements/pull/1111"
    if not given:
        why = f'protected groups must have approval annotation "{APPROVED}", see {where}'
        return [field_required(path, why)]
    if given.startswith(("http://", "https://", "unapproved")):
        return []
    why = f'protected groups must have approval annotation "{APPROVED}" with either a URL or a reason starting with "unapproved", see {where}'
    return [field_invalid(path, given, why)]


def _stored_versions(stored: list[str], versions: list[Obj]) -> Errors:
    """Versions in which there may be objects must stay."""
    at, names = "status.storedVersions", [v.get("name") for v in versions]
    if not stored:
        return [field_invalid(at, stored, "must have at least one stored version")]
    errors: Errors = []
    for version in versions:
        if version.get("storage") and version["name"] not in stored:
            errors.append(field_invalid(at, stored, f"must have the storage version {version['name']}"))
    for i, version_name in enumerate(stored):
        if version_name not in names:
            why = (
                f"missing from spec.versions; {version_name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {version_name} and "
                f"removes {version_name} from status.storedVersions"
            )
            errors.append(field_invalid(f"{at}[{i}]", version_name, why))
    return errors


def unknown_formats(obj: Obj) -> list[str]:
    """Formats in the schemas that nobody checks."""
    from minikctl.api.crd import formats

    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            name = node.get("format")
            if isinstance(name, str) and name and not formats.known(str(node.get("type") or ""), name):
                found.append(name)
            for key in ("items", "not", "additionalProperties", "allOf", "anyOf", "oneOf"):
                walk(node.get(key))
            for part in (node.get("properties") or {}).values():
                walk(part)

    for version in obj["spec"].get("versions") or []:
        walk(_schema_of(version))
    return list(dict.fromkeys(found))


def validate_update(obj: Obj, old: Obj) -> Errors:
    errors = validate(obj)
    spec, before = obj["spec"], old["spec"]
    names, names_before = spec.get("names") or {}, before.get("names") or {}
    if condition_is(old, "Established"):
        errors += immutable(spec.get("scope"), before.get("scope"), "spec.scope")
        errors += immutable(names.get("kind"), names_before.get("kind"), "spec.names.kind")
    errors += immutable(spec.get("group"), before.get("group"), "spec.group")
    errors += _stored_versions((obj.get("status") or {}).get("storedVersions") or [], spec.get("versions") or [])
    return errors + immutable(names.get("plural"), names_before.get("plural"), "spec.names.plural")
