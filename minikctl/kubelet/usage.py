"""What the containers of a node use: CPU as a rate between two looks at them, memory as it is now.

A look is taken with every heartbeat of a real node and whenever somebody asks; the rate is that since the last look that
is at least five seconds old. A container that has not been looked at before is given its average since it started.
Simulated containers use what annotations of their pods say, in kwok's words, and else nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from minikctl.api import quantity
from minikctl.api.meta import Obj, annotations_of, name, namespace, timestamp, uid
from minikctl.runtime.interface import ContainerStatus, Runtime, Stats
from minikctl.util.clock import Clock

SIMULATED_CPU, SIMULATED_MEMORY = "kwok.x-k8s.io/usage-cpu", "kwok.x-k8s.io/usage-memory"
FRESH_SECONDS, LEAST_WINDOW_SECONDS, LONGEST_SECONDS = 1.0, 5.0, 60.0
BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one container: when (monotonic), and what it had used by then."""

    at: float
    stats: Stats


def rate(looks: Iterable[Look], now: Look, age: float) -> tuple[float, float]:
    """(CPU in cores, the seconds it is the average of). looks: earlier ones, oldest first; age: since the start."""
    earlier = list(looks)
    old = [k for k in earlier if now.at - k.at >= LEAST_WINDOW_SECONDS]
    base = old[-1] if old else earlier[0] if earlier and now.at - earlier[0].at >= FRESH_SECONDS else None
    if base is None:
        return (now.stats.cpu_seconds / age, age) if age > 0 else (0.0, 0.0)
    window = now.at - base.at
    return max(now.stats.cpu_seconds - base.stats.cpu_seconds, 0.0) / window, window


class Usage:
    """The looks at the containers of one node. Thread-safe: requests and heartbeats come from several threads."""

    def __init__(self, runtime: Runtime, clock: Clock):
        self._runtime, self._clock = runtime, clock
        self._lock = threading.Lock()
        self._looks: dict[str, deque[Look]] = {}

    def look(self, pods: Iterable[Obj]) -> None:
        """Have something to compare the next look with."""
        if not self._runtime.simulated:
            self.measure(pods)

    def measure(self, pods: Iterable[Obj]) -> list[Obj]:
        """For each pod that runs: name, namespace, timestamp, window (seconds) and containers, each with its usage."""
        with self._lock:
            running = [(p, [c for c in self._runtime.pod_state(uid(p)).containers if c.is_running]) for p in pods]
            stats = self._runtime.stats_of([c.id for _, containers in running for c in containers])
            for container_id in [c for c in self._looks if c not in stats]:
                del self._looks[container_id]
            return [m for pod, containers in running if (m := self._pod(pod, containers, stats))]

    def _pod(self, pod: Obj, running: Iterable[ContainerStatus], stats: Mapping[str, Stats]) -> Obj | None:
        containers = []
        windows = []
        for container in running:
            if container.id not in stats:
                continue
            cores, memory, window = self._container(pod, container, stats[container.id])
            windows.append(window)
            usage = {"cpu": f"{round(cores * BILLION)}n", "memory": f"{memory // 1024}Ki"}
            containers.append({"name": container.name, "usage": usage})
        if not containers:
            return None
        return {
            "name": name(pod),
            "namespace": namespace(pod),
            "timestamp": timestamp(self._clock.now()),
            "window": min(windows),
            "containers": sorted(containers, key=lambda c: str(c["name"])),
        }

    def _container(self, pod: Obj, container: ContainerStatus, stats: Stats) -> tuple[float, int, float]:
        """(cores, bytes, seconds)."""
        if self._runtime.simulated:
            return simulated(pod)
        now = Look(self._clock.monotonic(), stats)
        looks = self._looks.setdefault(container.id, deque())
        cores, window = rate(looks, now, _age(container, self._clock.now()))
        if not looks or now.at - looks[-1].at >= FRESH_SECONDS:
            looks.append(now)
        while now.at - looks[0].at > LONGEST_SECONDS:
            looks.popleft()
        return cores, stats.memory_bytes, window


def simulated(pod: Obj) -> tuple[float, int, float]:
    """What each container of a simulated pod uses."""
    said = annotations_of(pod)
    try:
        cpu, memory = (quantity.parse(said.get(k) or "0") for k in (SIMULATED_CPU, SIMULATED_MEMORY))
    except quantity.QuantityError:
        return 0.0, 0, 15.0
    return cpu / BILLION, memory // BILLION, 15.0


def _age(container: ContainerStatus, now: datetime) -> float:
    return (now - container.started_at).total_seconds() if container.started_at else 0.0
