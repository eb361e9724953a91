"""Environment variables and where their values come from. Source: Kubernetes `ValidateEnv`, `ValidateEnvFrom`."""

from __future__ import annotations

import re

from minikctl.api import quantity
from minikctl.api.errors import field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import config_key, dns_subdomain, qualified_name
from minikctl.api.validation.common import Errors, all_invalid, file_path

_NAME_MESSAGE = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_NAME = re.compile(r"[ -<>-~]+")
ENV_FIELDS = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
]
FILE_FIELDS = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"]
RESOURCES = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
]
_KNOWN_FIELDS = {*ENV_FIELDS, *FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.host"}
_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_BYTE_STEPS = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"]
_SUBSCRIPT = re.compile(r"(.*)\['(.*)'\]")


def variable_name(text: str) -> list[str]:
    return [] if _NAME.fullmatch(text) else [_NAME_MESSAGE]


def validate(variables: list[Obj], path: str) -> Errors:
    errors: Errors = []
    for i, variable in enumerate(variables):
        at, name = f"{path}[{i}]", variable.get("name") or ""
        errors += all_invalid(variable_name, name, f"{at}.name") if name else [field_required(f"{at}.name")]
        if variable.get("valueFrom") is not None:
            errors += _value_from(variable["valueFrom"], bool(variable.get("value")), f"{at}.valueFrom")
    return errors


def _value_from(source: Obj, has_value: bool, path: str) -> Errors:
    errors: Errors = []
    checks = {
        "fieldRef": lambda ref, at: field_ref(ref, ENV_FIELDS, at),
        "resourceFieldRef": lambda ref, at: resource_field_ref(ref, at, needs_container=False),
        "configMapKeyRef": _key_ref,
        "secretKeyRef": _key_ref,
        "fileKeyRef": _file_key_ref,
    }
    given = [name for name in checks if source.get(name) is not None]
    for name in given:
        errors += checks[name](source[name], f"{path}.{name}")
    if not given:
        why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(field_invalid(path, "", why))
    elif has_value:
        errors.append(field_invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        errors.append(field_invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def field_ref(ref: Obj, allowed: list[str], path: str) -> Errors:
    """A field of the pod itself (downward API)."""
    if not ref.get("apiVersion"):
        return [field_required(f"{path}.apiVersion")]
    text = ref.get("fieldPath") or ""
    if not text:
        return [field_required(f"{path}.fieldPath")]
    at = f"{path}.fieldPath"
    m = _SUBSCRIPT.fullmatch(text)
    base = m[1] if m else text
    if ref["apiVersion"] != "v1":
        why = f"error converting fieldPath: unsupported pod version: {ref['apiVersion']}"
        return [field_invalid(at, text, why)]
    if base not in _KNOWN_FIELDS or (m and base not in ("metadata.annotations", "metadata.labels")):
        known = "does not support subscript" if m and base in _KNOWN_FIELDS else f"field label not supported: {base}"
        return [field_invalid(at, text, f"error converting fieldPath: {known}")]
    if m:
        key = m[2].lower() if base == "metadata.annotations" else m[2]
        return [field_invalid(path, key, message) for message in qualified_name(key)]
    return [] if base in allowed else [field_not_supported(at, base, allowed)]


def resource_field_ref(ref: Obj, path: str, *, needs_container: bool) -> Errors:
    """A container's request or limit (downward API)."""
    errors: Errors = []
    name = ref.get("resource") or ""
    if needs_container and not ref.get("containerName"):
        errors.append(field_required(f"{path}.containerName"))
    elif not name:
        errors.append(field_required(f"{path}.resource"))
    elif name not in RESOURCES and not name.startswith(_HUGE_PAGES):
        errors.append(field_not_supported(f"{path}.resource", name, RESOURCES))
    return errors + _divisor(name, ref.get("divisor"), path)


def _divisor(name: str, divisor: str | int | None, path: str) -> Errors:
    if not divisor or quantity.parse(divisor) == 0:
        return []
    text = quantity.canonical(divisor)
    kind = name.split(".", 1)[-1]
    what = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(kind, "hugepages")
    if kind == "cpu":
        allowed, shown = ["1m", "1"], "1m and 1"
    else:
        allowed, shown = _BYTE_STEPS, ", ".join(_BYTE_STEPS)
    if text in allowed or (name not in RESOURCES and not name.startswith(_HUGE_PAGES)):
        return []
    why = f"only divisor's values {shown} are supported with the {what} resource"
    return [field_invalid(f"{path}.divisor", name, why)]


def _key_ref(ref: Obj, path: str) -> Errors:
    errors = all_invalid(dns_subdomain, ref.get("name") or "", f"{path}.name")
    key = ref.get("key") or ""
    return errors + (all_invalid(config_key, key, f"{path}.key") if key else [field_required(f"{path}.key")])


def _file_key_ref(ref: Obj, path: str) -> Errors:
    key = ref.get("key") or ""
    errors = all_invalid(variable_name, key, f"{path}.key") if key else [field_required(f"{path}.key")]
    if not ref.get("volumeName"):
        errors.append(field_required(f"{path}.volumeName"))
    if not ref.get("path"):
        return [*errors, field_required(f"{path}.path")]
    return errors + file_path(ref["path"], f"{path}.path")


def validate_from(sources: list[Obj], path: str) -> Errors:
    """`envFrom`: all keys of a ConfigMap or Secret."""
    errors: Errors = []
    for i, source in enumerate(sources):
        at = f"{path}[{i}]"
        if source.get("prefix"):
            errors += all_invalid(variable_name, source["prefix"], f"{at}.prefix")
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for name in given:
            target = source[name].get("name") or ""
            where = f"{at}.{name}.name"
            errors += all_invalid(dns_subdomain, target, where) if target else [field_required(where)]
        if not given:
            errors.append(field_invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            errors.append(field_invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def file_source(item: Obj, path: str) -> Errors:
    """One file of a downwardAPI volume."""
    errors = [] if item.get("path") else [field_required(f"{path}.path")]
    errors += file_path(item.get("path") or "", f"{path}.path")
    if item.get("fieldRef") is not None:
        errors += field_ref(item["fieldRef"], FILE_FIELDS, f"{path}.fieldRef")
        if item.get("resourceFieldRef") is not None:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(field_invalid(path, "resource", why))
    elif item.get("resourceFieldRef") is not None:
        errors += resource_field_ref(item["resourceFieldRef"], f"{path}.resourceFieldRef", needs_container=True)
    else:
        errors.append(field_required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors
