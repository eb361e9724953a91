"""The Events table below a description."""

from __future__ import annotations

from datetime import datetime

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.kubectl.describe.values import age
from minikctl.kubectl.describe.writer import Writer

MIRROR = "kubernetes.io/config.mirror"


def search(client: Client, obj: Obj, *, uid: str | None = None, any_kind: bool = False) -> list[Obj]:
    """Events about an object; none when they cannot be read. `uid` replaces the object's own."""
    metadata = obj["metadata"]
    terms = {
        "involvedObject.name": metadata.get("name", ""),
        "involvedObject.namespace": metadata.get("namespace", ""),
        "involvedObject.kind": "" if any_kind else obj.get("kind", ""),
        "involvedObject.uid": metadata.get("uid", "") if uid is None else uid,
    }
    always = ("involvedObject.name", "involvedObject.namespace")
    selector = ",".join(f"{k}={v}" for k, v in terms.items() if v or k in always)
    try:
        found: list[Obj] = client.list("events", metadata.get("namespace", ""), field_selector=selector)["items"]
    except ApiError:
        return []
    return found


def of_pod(client: Client, pod: Obj) -> list[Obj]:
    """A static pod's events are recorded under the hash that names its mirror."""
    mirror = (pod["metadata"].get("annotations") or {}).get(MIRROR)
    return search(client, pod, uid=mirror, any_kind=True)


def of_node(client: Client, node: Obj) -> list[Obj]:
    """Controllers record events under a node's uid, kubelets under its name."""
    return search(client, node) + search(client, node, uid=node["metadata"]["name"])


def describe(items: list[Obj], w: Writer, now: datetime) -> None:
    if not items:
        w.field(0, "Events", "<none>")
        return
    w.flush()
    w.line(0, "Events:")
    w.line(1, "Type\tReason\tAge\tFrom\tMessage")
    w.line(1, "----\t------\t----\t----\t-------")
    for event in sorted(items, key=lambda e: e.get("lastTimestamp") or ""):
        w.line(1, "\t".join(_cells(event, now)))


def interval(event: Obj, now: datetime) -> str:
    """When it was seen last: `5s`, or `5s (x3 over 2m)`."""
    first = age(event.get("eventTime") or event.get("firstTimestamp"), now)
    series, count = event.get("series"), event.get("count") or 0
    if series is not None:
        return f"{age(series.get('lastObservedTime'), now)} (x{series.get('count', 0)} over {first})"
    if count > 1:
        return f"{age(event.get('lastTimestamp'), now)} (x{count} over {first})"
    return first


def _cells(event: Obj, now: datetime) -> list[str]:
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
    message = (event.get("message") or "").strip()
    path = (event.get("involvedObject") or {}).get("fieldPath")
    if path:
        message = f"{path}: {message}"
    return [event.get("type", ""), event.get("reason", ""), interval(event, now), source, message]
