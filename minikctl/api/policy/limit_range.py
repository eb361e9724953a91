"""LimitRanger: defaults for containers that ask for nothing, and bounds for single containers, pods and claims.

Source: Kubernetes `plugin/pkg/admission/limitranger`; concept "Limit Ranges".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.policy import pod_resources
from minikctl.api.policy.pod_resources import LIMITS, REQUESTS

ANNOTATION = "kubernetes.io/limit-ranger"
CONTAINER, POD, CLAIM = "Container", "Pod", "PersistentVolumeClaim"
Given = Mapping[str, str]


# ---------------------------------------------------------------------- defaults


def apply_defaults(pod: Obj, limit_range: Obj) -> None:
    """Fill in what containers leave out, in place, and say so in an annotation."""
    limits, requests = _defaults(limit_range)
    told: list[str] = []
    spec = pod["spec"]
    for field, what in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(field) or []:
            set_requests = _fill(container, REQUESTS, requests)
            set_limits = _fill(container, LIMITS, limits)
            for names, kind in ((set_requests, "request"), (set_limits, "limit")):
                if names:
                    told.append(f"{', '.join(names)} {kind} for {what} {container.get('name', '')}")
    if told:
        metadata = pod["metadata"]
        text = "LimitRanger plugin set: " + "; ".join(told)
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: text}


def _defaults(limit_range: Obj) -> tuple[dict[str, str], dict[str, str]]:
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for item in _items(limit_range, CONTAINER):
        limits |= item.get("default") or {}
        requests |= item.get("defaultRequest") or {}
    return limits, requests


def _fill(container: Obj, what: str, defaults: Given) -> list[str]:
    """The names, sorted, of what was missing."""
    given = pod_resources.of_container(container, what)
    missing = sorted(n for n in defaults if n not in given)
    if missing:
        filled = {**given, **{n: defaults[n] for n in missing}}
        container["resources"] = {**(container.get("resources") or {}), what: dict(sorted(filled.items()))}
    return missing


# ---------------------------------------------------------------------- bounds


def violations(kind: str, obj: Obj, limit_range: Obj) -> list[str]:
    """What a pod or a claim has that the LimitRange forbids; each text once."""
    found = _pod(obj, limit_range) if kind == "pods" else _claim(obj, limit_range)
    return list(dict.fromkeys(found))


def joined(texts: list[str]) -> str:
    """Several errors as one, as Kubernetes writes aggregates."""
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"


def _items(limit_range: Obj, kind: str) -> Iterable[Obj]:
    return (i for i in (limit_range.get("spec") or {}).get("limits") or [] if i.get("type") == kind)


def _pod(pod: Obj, limit_range: Obj) -> list[str]:
    spec = pod.get("spec") or {}
    found: list[str] = []
    for item in (limit_range.get("spec") or {}).get("limits") or []:
        if item.get("type") == CONTAINER:
            for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
                requests = pod_resources.of_container(container, REQUESTS)
                found += _bounded(item, requests, pod_resources.of_container(container, LIMITS))
        elif item.get("type") == POD:
            whole = spec.get("resources") or {}
            requests = pod_resources.of_containers(spec, REQUESTS) | (whole.get(REQUESTS) or {})
            limits = pod_resources.of_containers(spec, LIMITS) | (whole.get(LIMITS) or {})
            found += _bounded(item, requests, limits)
    return found


def _claim(claim: Obj, limit_range: Obj) -> list[str]:
    """A claim has no limits: both bounds are for what it requests."""
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    found: list[str] = []
    for item in _items(limit_range, CLAIM):
        for name, bound in sorted((item.get("min") or {}).items()):
            found += _minimum(CLAIM, name, bound, requests, {})
        for name, bound in sorted((item.get("max") or {}).items()):
            found += _maximum_request(name, bound, requests)
    return found


Check = Callable[[str, str, str, Given, Given], list[str]]


def _bounded(item: Obj, requests: Given, limits: Given) -> list[str]:
    checks: tuple[tuple[str, Check], ...] = (("min", _minimum), ("max", _maximum), ("maxLimitRequestRatio", _ratio))
    return [
        text
        for part, check in checks
        for name, bound in sorted((item.get(part) or {}).items())
        for text in check(item["type"], name, bound, requests, limits)
    ]


def _minimum(kind: str, name: str, bound: str, requests: Given, limits: Given) -> list[str]:
    says = f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        return [f"{says}.  No request is specified"]
    if _less(requests[name], bound):
        return [f"{says}, but request is {requests[name]}"]
    if name in limits and _less(limits[name], bound):
        return [f"{says}, but limit is {limits[name]}"]
    return []


def _maximum(kind: str, name: str, bound: str, requests: Given, limits: Given) -> list[str]:
    says = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        return [f"{says}.  No limit is specified"]
    if _less(bound, limits[name]):
        return [f"{says}, but limit is {limits[name]}"]
    if name in requests and _less(bound, requests[name]):
        return [f"{says}, but request is {requests[name]}"]
    return []


def _maximum_request(name: str, bound: str, requests: Given) -> list[str]:
    says = f"maximum {name} usage per {CLAIM} is {bound}"
    if name not in requests:
        return [f"{says}.  No request is specified"]
    return [f"{says}, but request is {requests[name]}"] if _less(bound, requests[name]) else []


def _ratio(kind: str, name: str, bound: str, requests: Given, limits: Given) -> list[str]:
    says = f"{name} max limit to request ratio per {kind} is {bound}"
    if not quantity.parse(requests.get(name, "0")):
        return [f"{says}, but no request is specified or request is 0"]
    if not quantity.parse(limits.get(name, "0")):
        return [f"{says}, but no limit is specified or limit is 0"]
    ratio = quantity.parse(limits[name]) / quantity.parse(requests[name])
    return [f"{says}, but provided ratio is {ratio:f}"] if ratio * quantity.NANO > quantity.parse(bound) else []


def _less(a: str, b: str) -> bool:
    return quantity.parse(a) < quantity.parse(b)
