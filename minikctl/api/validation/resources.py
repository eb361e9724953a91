"""Resource requests and limits. Source: Kubernetes `ValidateContainerResourceRequirements`, `pkg/apis/core/helper`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import qualified_name
from minikctl.api.validation.common import NOT_NEGATIVE, Errors, qualified

CPU, MEMORY, EPHEMERAL = "cpu", "memory", "ephemeral-storage"
HUGE_PAGES = "hugepages-"
_FOR_CONTAINERS = frozenset({CPU, MEMORY, EPHEMERAL})
_QUOTA = frozenset(
    {
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
_STANDARD = _QUOTA | {f"{kind}.{name}" for kind in ("requests", "limits") for name in (CPU, MEMORY, EPHEMERAL)}
_STANDARD_NAMES = _STANDARD | _FOR_CONTAINERS | {"storage", "requests.storage"}


def is_huge_page(name: str) -> bool:
    return name.startswith(HUGE_PAGES)


def is_native(name: str) -> bool:
    """Without a domain, or in Kubernetes' own."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith("requests.") and not qualified_name(f"requests.{name}")


def can_overcommit(name: str) -> bool:
    """Whether limits may exceed requests: not for devices and huge pages."""
    return is_native(name) and not is_huge_page(name)


def is_integer(name: str) -> bool:
    return name in _QUOTA or is_extended(name)


def resource_name(name: str, path: str) -> Errors:
    """A name in a ResourceList that containers may use."""
    errors = qualified(name, path)
    plain = "/" not in name
    if not errors and plain and name not in _STANDARD_NAMES and not is_huge_page(name):
        errors.append(field_invalid(path, name, "must be a standard resource type or fully qualified"))
    if plain:
        if name not in _FOR_CONTAINERS and not is_huge_page(name):
            errors.append(field_invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        errors.append(field_invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def quantity_value(name: str, text: str, path: str) -> Errors:
    nano = quantity.parse(text)
    errors = [field_invalid(path, text, NOT_NEGATIVE)] if nano < 0 else []
    if is_integer(name) and nano % quantity.NANO:
        errors.append(field_invalid(path, text, "must be an integer"))
    return errors


def _named(name: str, text: str, path: str) -> Errors:
    errors = resource_name(name, path) + quantity_value(name, text, path)
    return errors + _huge_page(name, text, path)


def _huge_page(name: str, text: str, path: str) -> Errors:
    if not is_huge_page(name):
        return []
    try:
        size = quantity.parse(name.removeprefix(HUGE_PAGES))
    except quantity.QuantityError:
        size = 0
    if size > 0 and quantity.parse(text) % size == 0:
        return []
    return [field_invalid(path, text, f"{text} is not positive integer multiple of {name}")]


def requirements(resources: Obj, path: str, claim_names: frozenset[str] = frozenset()) -> Errors:
    """ResourceRequirements of a container, or of a pod's overhead (as limits)."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    errors: Errors = []
    for name, text in sorted(limits.items()):
        errors += _named(name, text, f"{path}.limits[{name}]")
    for name, text in sorted(requests.items()):
        at = f"{path}.requests[{name}]"
        errors += resource_name(name, at) + quantity_value(name, text, at)
        errors += _within_limit(name, text, limits, path)
        errors += _huge_page(name, text, at)
    both = {**limits, **requests}
    if any(is_huge_page(n) for n in both) and not (both.keys() & {CPU, MEMORY}):
        errors.append(field_forbidden(path, "HugePages require cpu or memory"))
    return errors + _claims(resources.get("claims") or [], claim_names, f"{path}.claims")


def _within_limit(name: str, text: str, limits: dict[str, str], path: str) -> Errors:
    if name not in limits:
        if can_overcommit(name):
            return []
        return [field_required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
    asked, limit = quantity.parse(text), quantity.parse(limits[name])
    if asked != limit and not can_overcommit(name):
        return [field_invalid(f"{path}.requests", text, f"must be equal to {name} limit of {limits[name]}")]
    if asked > limit:
        why = f"must be less than or equal to {name} limit of {limits[name]}"
        return [field_invalid(f"{path}.requests", text, why)]
    return []


def _claims(claims: list[Obj], known: frozenset[str], path: str) -> Errors:
    """Names of the pod's resource claims (dynamic resource allocation)."""
    errors: Errors = []
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        name, at = claim.get("name") or "", f"{path}[{i}]"
        if not name:
            errors.append(field_required(at))
            continue
        if name in seen:
            errors.append(FieldError("FieldValueDuplicate", at, "", f'"{name}"'))
        seen.add(name)
        if name not in known:
            listed = f": {', '.join(sorted(known))}" if known else " which is empty"
            why = f"must be one of the names in pod.spec.resourceClaims{listed}"
            errors.append(FieldError("FieldValueNotFound", at, why, f'"{name}"'))
    return errors


def pod_level(spec: Obj, path: str) -> Errors:
    """Resources of the pod as a whole: cpu, memory and huge pages, enough for its containers (KEP-2837)."""
    whole = spec.get("resources")
    if not whole:
        return []
    errors: Errors = []
    for kind in ("limits", "requests"):
        for name, text in sorted((whole.get(kind) or {}).items()):
            at = f"{path}.{kind}[{name}]"
            if name not in (CPU, MEMORY) and not is_huge_page(name):
                shown = 'supported values: "cpu", "hugepages-", "memory"'
                errors.append(FieldError("FieldValueNotSupported", at, shown, f'"{name}"'))
            errors += quantity_value(name, text, at)
    for name, text in sorted((whole.get("requests") or {}).items()):
        errors += _within_limit(name, text, whole.get("limits") or {}, path)
    if whole.get("claims"):
        errors.append(field_forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    return errors
