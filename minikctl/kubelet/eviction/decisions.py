"""When a node is under pressure, and which of its pods goes first. Pure.

Source: kubelet `eviction/helpers.go`, `eviction/eviction_manager.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.policy.pod_resources import LIMITS, REQUESTS, of_container, of_pod
from minikctl.api.qos import BEST_EFFORT, qos_class
from minikctl.kubelet.manifests import is_mirror, is_static
from minikctl.kubelet.settings import Settings

MEMORY, STORAGE, PIDS = "memory", "ephemeral-storage", "pids"
RESOURCES = {
    "memory.available": MEMORY,
    "nodefs.available": STORAGE,
    "nodefs.inodesFree": "inodes",
    "imagefs.available": STORAGE,
    "imagefs.inodesFree": "inodes",
    "pid.available": PIDS,
}
CONDITIONS = {MEMORY: "MemoryPressure", STORAGE: "DiskPressure", "inodes": "DiskPressure", PIDS: "PIDPressure"}
TAINTS = {"MemoryPressure": "node.kubernetes.io/memory-pressure"}
CRITICAL = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Threshold:
    """A signal may not fall below this: an amount, or a part of the capacity. grace: seconds that it may, all the same."""

    signal: str
    amount: int = 0
    part: float = 0.0
    grace: float = 0.0
    reclaim: str = ""
    """How much more there has to be before it counts as over; as the amount, or as a part (`5%`)."""

    def of(self, capacity: int) -> int:
        return int(capacity * self.part) if self.part else self.amount


@dataclass(frozen=True, slots=True)
class Reading:
    """What is there of a signal's resource, in bytes or pieces."""

    available: int
    capacity: int


Readings = Mapping[str, Reading]


def thresholds(settings: Settings) -> list[Threshold]:
    """Those of the settings; unknown signals and texts are left out."""
    found = []
    for given, is_soft in ((settings.eviction_hard, False), (settings.eviction_soft, True)):
        for signal, text in given.items():
            grace = settings.eviction_soft_grace_period.get(signal, 0.0) if is_soft else 0.0
            if signal not in RESOURCES or (is_soft and signal not in settings.eviction_soft_grace_period):
                continue
            amount, part = _amount(text)
            if amount or part:
                reclaim = settings.eviction_minimum_reclaim.get(signal, "")
                found.append(Threshold(signal, amount, part, grace, reclaim))
    return found


def _amount(text: str) -> tuple[int, float]:
    """(amount, part of the whole)."""
    try:
        return (0, float(text[:-1]) / 100) if text.endswith("%") else (quantity.value(text), 0.0)
    except ValueError:
        return 0, 0.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """What has been seen up to now. since: threshold → when it was first passed; last: condition → when it last held.

    Times are monotonic.
    """

    since: Mapping[Threshold, float]
    last: Mapping[str, float]

    def conditions(self, now: float, transition: float) -> frozenset[str]:
        """The conditions that hold, and for a while those that held."""
        return frozenset(c for c, seen in self.last.items() if now - seen < transition or seen == now)

    def due(self, now: float) -> list[Threshold]:
        """The thresholds for which a pod is to go, those of memory first."""
        over = [t for t, first in self.since.items() if now - first >= t.grace]
        return sorted(over, key=lambda t: (RESOURCES[t.signal] != MEMORY, t.signal, t.grace))


NO_PRESSURE = Pressure({}, {})


def observe(before: Pressure, wanted: Iterable[Threshold], readings: Readings, now: float) -> Pressure:
    """The pressure after one more look."""
    since, last = {}, dict(before.last)
    for threshold in wanted:
        reading = readings.get(threshold.signal)
        if reading is None:
            continue
        least = threshold.of(reading.capacity)
        if threshold in before.since and threshold.reclaim:
            amount, part = _amount(threshold.reclaim)
            least += int(reading.capacity * part) if part else amount
        if reading.available < least:
            since[threshold] = before.since.get(threshold, now)
            last[CONDITIONS[RESOURCES[threshold.signal]]] = now
    return Pressure(since, last)


# ---------------------------------------------------------------------- pods


@dataclass(frozen=True, slots=True)
class Use:
    """What a pod uses. containers: name → what each uses of the resource in question."""

    memory: int = 0
    disk: int = 0
    processes: int = 0
    memory_of: Mapping[str, int] = field(default_factory=dict)
    disk_of: Mapping[str, int] = field(default_factory=dict)

    def of(self, resource: str) -> int:
        return {MEMORY: self.memory, PIDS: self.processes}.get(resource, self.disk)

    def of_containers(self, resource: str) -> Mapping[str, int]:
        return {MEMORY: self.memory_of, STORAGE: self.disk_of}.get(resource, {})


def priority(pod: Obj) -> int:
    return int(pod["spec"].get("priority") or 0)


def is_critical(pod: Obj) -> bool:
    """It is never evicted, and let in whatever the pressure."""
    return is_static(pod) or is_mirror(pod) or priority(pod) >= CRITICAL


def requested(pod: Obj, resource: str) -> int:
    return quantity.value(of_pod({"spec": pod["spec"]}, REQUESTS).get(resource, "0"))


def ranked(pods: Sequence[Obj], use: Mapping[str, Use], resource: str) -> list[Obj]:
    """Who goes first: those that use more than they asked for, then by priority, then by how much more."""

    def rank(pod: Obj) -> tuple[bool, int, int]:
        used = use.get(pod["metadata"]["uid"], Use()).of(resource)
        beyond = used if resource == PIDS else used - requested(pod, resource)
        return (resource != PIDS and beyond <= 0, priority(pod), -beyond)

    return sorted((p for p in pods if not is_critical(p)), key=rank)


def message(pod: Obj, threshold: Threshold, reading: Reading, use: Use) -> str:
    """Why a pod was evicted for its node."""
    resource = RESOURCES[threshold.signal]
    limit = _shown(threshold.of(reading.capacity), resource)
    text = f"The node was low on resource: {resource}. "
    text += f"Threshold quantity: {limit}, available: {_shown(reading.available, resource)}. "
    for container in pod["spec"].get("containers") or []:
        used = use.of_containers(resource).get(container["name"])
        asked = of_container(container, REQUESTS).get(resource, "0")
        if used is not None and used > quantity.value(asked):
            text += f"Container {container['name']} was using {_shown(used, resource)}, request is {asked}, "
            text += f"has larger consumption of {resource}. "
    return text


def _shown(amount: int, resource: str) -> str:
    return quantity.from_bytes(amount // 1024 * 1024) if resource in (MEMORY, STORAGE) else str(amount)


def over_its_limits(pod: Obj, disk: Mapping[str, int], volumes: Mapping[str, int]) -> str:
    """Why a pod has to go for its own use of disk, "" if it need not. disk: container → bytes of its own layer and
    logs; volumes: emptyDir → bytes."""
    spec = pod["spec"]
    for volume in spec.get("volumes") or []:
        limit = (volume.get("emptyDir") or {}).get("sizeLimit")
        if limit and quantity.value(limit) and volumes.get(volume["name"], 0) > quantity.value(limit):
            return f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}". '
    everyone = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    total = of_pod({"spec": spec}, LIMITS).get(STORAGE)
    in_memory = {v["name"] for v in spec.get("volumes") or [] if (v.get("emptyDir") or {}).get("medium") == "Memory"}
    used = sum(disk.values()) + sum(size for name, size in volumes.items() if name not in in_memory)
    if total and used > quantity.value(total):
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {total}. "
    for container in everyone:
        limit = of_container(container, LIMITS).get(STORAGE)
        if limit and disk.get(container["name"], 0) > quantity.value(limit):
            return f'Container {container["name"]} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def limits_disk(pod: Obj) -> bool:
    """Whether it is worth measuring what this pod uses."""
    spec = pod["spec"]
    if any((v.get("emptyDir") or {}).get("sizeLimit") for v in spec.get("volumes") or []):
        return True
    everyone = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return any(STORAGE in of_container(c, LIMITS) for c in everyone)


def refusal(pod: Obj, conditions: frozenset[str]) -> str:
    """Why a node under pressure does not take a new pod, "" if it does."""
    if not conditions or is_critical(pod):
        return ""
    if conditions == {"MemoryPressure"}:
        tolerated = any(_tolerates(t, TAINTS["MemoryPressure"]) for t in pod["spec"].get("tolerations") or [])
        if qos_class(pod) != BEST_EFFORT or tolerated:
            return ""
    return f"The node had condition: [{' '.join(sorted(conditions))}]. "


def _tolerates(toleration: Obj, key: str) -> bool:
    named = toleration.get("key") in (key, None, "")
    return named and toleration.get("operator") == "Exists" and toleration.get("effect") in ("NoSchedule", None, "")
