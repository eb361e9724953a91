"""From Services to the pods behind them, and back. Pure but for `TriggerTimes`.

Source: Kubernetes `k8s.io/endpointslice/util` and `pkg/api/v1/service`.
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.meta import Obj, Objects, find_condition, is_deleting, key, labels_of, name, namespace, uid
from minikctl.api.selectors import Selector, from_labels
from minikctl.client.informer import Informer
from minikctl.controllers.common import pods

TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
HEADLESS = "service.kubernetes.io/headless"


def selector(service: Obj) -> Selector | None:
    """What the Service selects; None for one that selects nothing by itself (its endpoints are made by hand)."""
    wanted = service.get("spec", {}).get("selector")
    return from_labels(wanted) if wanted else None


def is_headless(service: Obj) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def pods_behind(service: Obj, informer: Informer) -> Objects:
    """All pods that the Service selects, in order of their names."""
    wanted = selector(service)
    return sorted(informer.list(namespace(service), wanted), key=name) if wanted is not None else []


def can_be_endpoint(pod: Obj, *, include_terminating: bool) -> bool:
    """Whether a pod is to be listed at all: it has an address and has not ended."""
    if pods.is_terminal(pod) or not pods.addresses(pod):
        return False
    return include_terminating or not is_deleting(pod)


def find_port(pod: Obj, service_port: Obj) -> int | None:
    """The container port that a Service port means: its number, or the port of that name and protocol in the pod."""
    target = service_port.get("targetPort") or service_port.get("port") or 0
    if isinstance(target, int):
        return target
    spec = pod.get("spec", {})
    sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or []), *sidecars]:
        for port in container.get("ports") or []:
            protocol = port.get("protocol") or "TCP"
            if port.get("name") == target and protocol == (service_port.get("protocol") or "TCP"):
                return int(port["containerPort"])
    return None


def hostname(pod: Obj, service: Obj) -> str:
    """The name under which a pod is known in the Service's domain, if it asks for one."""
    spec = pod.get("spec", {})
    asked = spec.get("subdomain") == name(service) and namespace(pod) == namespace(service)
    return str(spec.get("hostname") or "") if asked else ""


def pod_reference(pod: Obj) -> Obj:
    return {"kind": "Pod", "namespace": namespace(pod), "name": name(pod), "uid": uid(pod)}


def concerned(services: Informer, old: Obj, new: Obj) -> Objects:
    """The Services whose endpoints a change of a pod may change."""
    moved = endpoint_facts(old) != endpoint_facts(new)
    before, after = labels_of(old), labels_of(new)
    if not moved and before == after:
        return []
    found = []
    for service in services.list(namespace(new)):
        wanted = selector(service)
        if wanted is None:
            continue
        was, is_now = wanted.matches(before), wanted.matches(after)
        if (was or is_now) and (moved or was != is_now):
            found.append(service)
    return found


def endpoint_facts(pod: Obj) -> tuple[object, ...]:
    """What of a pod shows in endpoints."""
    spec = pod.get("spec", {})
    return (
        pods.addresses(pod),
        pods.is_ready(pod),
        pods.is_terminal(pod),
        is_deleting(pod),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
    )


SMALL_SERVICE = 100
LONGEST_BATCH_SECONDS = 2.0


def batch_seconds(endpoints: int) -> float:
    """How long to collect changes of pods before writing them down.

    Each write is as long as the Service is large: following every pod of a thousand at once would cost a million.
    Kubernetes has a fixed period for this (`--endpoint-updates-batch-period`); here small Services do not wait.
    """
    return 0.0 if endpoints < SMALL_SERVICE else min(endpoints / 1000, LONGEST_BATCH_SECONDS)


class TriggerTimes:
    """When the change happened that endpoints are being brought up to date with, for measuring the delay."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, dict[str, str]]] = {}

    def compute(self, service: Obj, members: Objects) -> str:
        """The earliest change since the last call, "" when there was none. Times are RFC 3339 and compare as text."""
        created, before = self._known.get(key(service), ("", {}))
        now = {name(p): _ready_changed(p) for p in members}
        since = str(service["metadata"].get("creationTimestamp") or "")
        changed = [t for pod, t in now.items() if t > before.get(pod, "")] + ([since] if since > created else [])
        self._known[key(service)] = (since, now)
        return min(changed, default="")

    def forget(self, service_key: str) -> None:
        self._known.pop(service_key, None)


def _ready_changed(pod: Obj) -> str:
    found = find_condition(pod.get("status", {}).get("conditions") or [], "Ready")
    return str(found.get("lastTransitionTime") or "") if found else ""


def labels_from(service: Obj, reserved: Callable[[str], bool]) -> dict[str, str]:
    """The Service's labels but for those that are the endpoints' own."""
    return {k: v for k, v in labels_of(service).items() if not reserved(k)}
