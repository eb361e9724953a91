"""What a change was, in a few words: `replicas 3 → 5`, `assigned to node-1`, `Running, ready`. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minikctl.api.meta import Obj, find_condition, get_path, is_deleting

Before = Obj | None
MOST_CHANGES = 3
_LONG = 40
_QUIET = ("observedGeneration", "terminatingReplicas", "unavailableReplicas", "lastUpdateTime", "lastHeartbeatTime")
"""Fields that only note that something was seen, or repeat what another one says."""
_BOOKKEEPING = frozenset({"resourceVersion", "managedFields", "generation", "uid", "creationTimestamp"})


def summary(change: Obj) -> str:
    """One change (see apiserver/history.py) as words."""
    obj, before, kind = change["object"], change["before"], change["object"].get("kind", "")
    if kind == "Event" and "involvedObject" in obj:
        return event(obj)
    if change["type"] == "DELETED":
        return "gone"
    parts = list(_SAYS[kind](before, obj)) if kind in _SAYS else []
    if before is None:
        return "created" + (f": {', '.join(parts)}" if parts else "")
    if is_deleting(obj) and not is_deleting(before):
        grace = obj["metadata"].get("deletionGracePeriodSeconds") or 0
        parts = [f"to be deleted within {grace} s" if grace else "to be deleted", *parts]
    return ", ".join(parts) or generic(before, obj)


def is_negligible(change: Obj) -> bool:
    """True when a write only notes that something was seen: no news for a reader."""
    obj, before = change["object"], change["before"]
    if change["type"] != "MODIFIED" or before is None or (obj.get("kind") == "Event" and "involvedObject" in obj):
        return False
    return all(d["path"].endswith(_QUIET) for d in differences(before, obj))


def event(obj: Obj) -> str:
    count = obj.get("count") or 1
    times = f" (×{count})" if count > 1 else ""
    return f"{obj.get('reason', '')}: {obj.get('message', '')}{times}"


def generic(before: Obj, obj: Obj) -> str:
    """Paths and values, for kinds and fields that have no words of their own."""
    found = [d for d in differences(before, obj) if not d["path"].endswith(_QUIET)]
    seen = _moved(before, obj, "status", "observedGeneration")
    if not found and seen:
        return f"has seen generation {seen[1]}"
    shown = [_difference(d) for d in found[:MOST_CHANGES]]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") or "written again"


def _difference(found: Obj) -> str:
    path = found["path"]
    if "from" not in found:
        return f"{path}: {_value(found['to'])}"
    if "to" not in found:
        return f"{path} removed"
    return f"{path} {_value(found['from'])} → {_value(found['to'])}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    if value is None:
        return "null"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


# ---------------------------------------------------------------------- differences


def differences(before: Any, after: Any) -> list[Obj]:
    """`[{path, from?, to?}]` of what differs between two versions of an object, bookkeeping left out."""
    return list(_differences(before, after, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[Obj]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            if path == "metadata" and key in _BOOKKEEPING:
                continue
            below = f"{path}.{key}" if path else str(key)
            if key not in before:
                yield {"path": below, "to": after[key]}
            elif key not in after:
                yield {"path": below, "from": before[key]}
            else:
                yield from _differences(before[key], after[key], below)
    elif isinstance(before, list) and isinstance(after, list) and (names := _named(before, after)):
        old, new = ({i[names]: i for i in items} for items in (before, after))
        for name in {**old, **new}:
            below = f"{path}[{name}]"
            if name not in old:
                yield {"path": below, "to": new[name]}
            elif name not in new:
                yield {"path": below, "from": old[name]}
            else:
                yield from _differences(old[name], new[name], below)
    else:
        yield {"path": path, "from": before, "to": after}


def _named(*lists: list[Any]) -> str:
    """The key that names the items of these lists, if there is one."""
    for key in ("type", "name"):
        if all(isinstance(i, dict) and isinstance(i.get(key), str) for items in lists for i in items):
            return key
    return ""


# ---------------------------------------------------------------------- kinds


def _moved(before: Before, obj: Obj, *path: str) -> tuple[Any, Any] | None:
    """(old, new) of a field when it changed; old is None for new objects."""
    old, new = get_path(before or {}, *path), get_path(obj, *path)
    return (old, new) if old != new else None


def _arrow(word: str, moved: tuple[Any, Any] | None) -> Iterator[str]:
    if moved:
        old, new = moved
        yield f"{word} {_value(new)}" if old is None else f"{word} {_value(old)} → {_value(new)}"


def _images(obj: Before) -> dict[str, str]:
    spec = get_path(obj or {}, "spec", "template", "spec", default=None) or get_path(obj or {}, "spec", default={})
    return {c["name"]: c.get("image", "") for c in spec.get("containers") or []}


def _image_words(before: Before, obj: Obj) -> Iterator[str]:
    old, new = _images(before), _images(obj)
    if before is None:
        yield ", ".join(new.values())
    else:
        for name in new:
            if name in old and old[name] != new[name]:
                yield f"image {old[name]} → {new[name]}"


def _condition_words(before: Before, obj: Obj) -> Iterator[str]:
    """Conditions whose status or reason changed: `Available`, `not Available: MinimumReplicasUnavailable`."""
    old = get_path(before or {}, "status", "conditions", default=[])
    for condition in get_path(obj, "status", "conditions", default=[]):
        was = find_condition(old, condition["type"]) or {}
        if (was.get("status"), was.get("reason")) == (condition.get("status"), condition.get("reason")):
            continue
        name, reason = condition["type"], condition.get("reason")
        why = f" ({reason})" if reason else ""
        yield {"True": name, "False": f"not {name}"}.get(condition.get("status", ""), f"{name} unknown") + why


def _workload(before: Before, obj: Obj) -> Iterator[str]:
    moved = _moved(before, obj, "spec", "replicas")
    if moved and before is None:
        yield f"{moved[1]} replica{'' if moved[1] == 1 else 's'}"
    else:
        yield from _arrow("replicas", moved)
    yield from _image_words(before, obj)
    if before is not None:
        template = _moved(before, obj, "spec", "template")
        if template and _images(before) == _images(obj):
            yield "new pod template"
        if _moved(before, obj, "spec", "paused"):
            yield "paused" if get_path(obj, "spec", "paused") else "resumed"
        yield from _progress(before, obj)
        yield from _condition_words(before, obj)


def _progress(before: Before, obj: Obj) -> Iterator[str]:
    """`2/3 ready, 3 updated`, when any of it changed."""
    wanted = get_path(obj, "spec", "replicas", default=1)
    if _moved(before, obj, "status", "readyReplicas"):
        yield f"{get_path(obj, 'status', 'readyReplicas', default=0)}/{wanted} ready"
    updated = _moved(before, obj, "status", "updatedReplicas")
    if updated:
        yield f"{updated[1] or 0} updated"
    replicas = _moved(before, obj, "status", "replicas")
    if replicas and not updated:
        yield f"{replicas[1] or 0} pod{'' if replicas[1] == 1 else 's'}"


def _pod(before: Before, obj: Obj) -> Iterator[str]:
    if before is None:
        yield from _image_words(before, obj)
        return
    node = _moved(before, obj, "spec", "nodeName")
    if node:
        yield f"assigned to {node[1]}"
    phase = _moved(before, obj, "status", "phase")
    if phase:
        yield str(phase[1])
    yield from _container_words(before, obj)
    for kind, yes, no in (("Ready", "ready", "not ready"), ("PodScheduled", "", "no node fits")):
        old, new = (find_condition(get_path(o, "status", "conditions", default=[]), kind) for o in (before, obj))
        if new and (old or {}).get("status") != new.get("status"):
            word = yes if new.get("status") == "True" else (no if old or kind == "PodScheduled" else "")
            if word:
                yield word
    ip = _moved(before, obj, "status", "podIP")
    if ip and ip[1]:
        yield f"IP {ip[1]}"


def _container_words(before: Obj, obj: Obj) -> Iterator[str]:
    def statuses(of: Obj) -> dict[str, Obj]:
        status = of.get("status") or {}
        return {c["name"]: c for k in ("initContainerStatuses", "containerStatuses") for c in status.get(k) or []}

    old, new = statuses(before), statuses(obj)
    for name, status in new.items():
        was = old.get(name, {})
        if status.get("restartCount", 0) > was.get("restartCount", 0):
            yield f"{name} restarted ({status['restartCount']})"
        reason = get_path(status, "state", "waiting", "reason")
        if reason and reason != get_path(was, "state", "waiting", "reason"):
            yield f"{name} {reason}"
        ended = get_path(status, "state", "terminated")
        if ended and not get_path(was, "state", "terminated"):
            yield f"{name} ended: {ended.get('reason') or ''} {ended.get('exitCode', 0)}".replace(":  ", ": ")


def _service(before: Before, obj: Obj) -> Iterator[str]:
    if before is None:
        yield str(get_path(obj, "spec", "type", default="ClusterIP"))
        ports = [f"{p['port']}/{p.get('protocol', 'TCP')}" for p in get_path(obj, "spec", "ports", default=[])]
        yield f"{get_path(obj, 'spec', 'clusterIP', default='')} port {', '.join(ports)}"


def _slice(_before: Before, obj: Obj) -> Iterator[str]:
    endpoints = obj.get("endpoints") or []
    ready = sum(1 for e in endpoints if (e.get("conditions") or {}).get("ready") is not False)
    yield f"{len(endpoints)} endpoint{'' if len(endpoints) == 1 else 's'}, {ready} ready"


def _endpoints(_before: Before, obj: Obj) -> Iterator[str]:
    subsets = obj.get("subsets") or []
    ready = sum(len(s.get("addresses") or []) for s in subsets)
    waiting = sum(len(s.get("notReadyAddresses") or []) for s in subsets)
    yield f"{ready + waiting} address{'' if ready + waiting == 1 else 'es'}, {ready} ready"


def _node(before: Before, obj: Obj) -> Iterator[str]:
    if _moved(before, obj, "spec", "unschedulable"):
        yield "cordoned" if get_path(obj, "spec", "unschedulable") else "uncordoned"
    taints = _moved(before, obj, "spec", "taints")
    if taints:
        yield "taints " + (", ".join(f"{t['key']}:{t['effect']}" for t in taints[1] or []) or "removed")
    yield from _condition_words(before, obj)


def _phase(before: Before, obj: Obj) -> Iterator[str]:
    phase = _moved(before, obj, "status", "phase")
    if phase:
        yield str(phase[1])
    yield from _condition_words(before, obj)


def _job(before: Before, obj: Obj) -> Iterator[str]:
    if before is None:
        yield from _image_words(before, obj)
    for field in ("active", "succeeded", "failed"):
        moved = _moved(before, obj, "status", field)
        if moved:
            yield f"{moved[1] or 0} {field}"
    if before is not None:
        yield from _condition_words(before, obj)


_SAYS: dict[str, Callable[[Before, Obj], Iterator[str]]] = {
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController", "DaemonSet"), _workload),
    "Pod": _pod,
    "Service": _service,
    "EndpointSlice": _slice,
    "Endpoints": _endpoints,
    "Node": _node,
    "Namespace": _phase,
    "PersistentVolumeClaim": _phase,
    "PersistentVolume": _phase,
    "Job": _job,
}
