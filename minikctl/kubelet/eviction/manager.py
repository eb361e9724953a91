"""Looks at a node every ten seconds, tells of pressure, and has pods go, one a look.

A pod that is over its own limits of disk goes at once; one that goes for the node's sake is the first in `ranked`. It
gets no grace period for a hard threshold, and at most evictionMaxPodGracePeriod for a soft one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.meta import Obj, get_path, uid
from minikctl.client.events import WARNING
from minikctl.kubelet.eviction import decisions, readings
from minikctl.kubelet.eviction.decisions import RESOURCES, Readings, Use
from minikctl.kubelet.status import TERMINAL
from minikctl.runtime.interface import RuntimeFailure

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet

log = logging.getLogger("kubelet")
PERIOD = 10.0
EVICTED = "Evicted"


class EvictionManager:
    """One node's. `read` gives the readings; tests put in their own, and call `look`."""

    def __init__(self, kubelet: Kubelet, folder: Path, read: Callable[[Path], Readings] = readings.read):
        self._kubelet, self._folder, self.read = kubelet, folder, read
        self.thresholds = decisions.thresholds(kubelet.settings)
        self._pressure = decisions.NO_PRESSURE
        self._stopped = threading.Event()
        self.conditions: frozenset[str] = frozenset()
        """The pressures that the node is under."""

    def start(self, period: float = PERIOD) -> None:
        def run() -> None:
            while not self._stopped.wait(period):
                try:
                    self.look()
                except Exception:
                    log.exception("%s: looking for pods to evict", self._kubelet.name)

        threading.Thread(target=run, name="eviction", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """One turn."""
        pods = [p for p in self._kubelet.running_pods() if get_path(p, "status", "phase") not in TERMINAL]
        for pod in [p for p in pods if decisions.limits_disk(p)]:
            disk, volumes = self._disk(pod)
            if why := decisions.over_its_limits(pod, disk, volumes):
                self._evict(pod, why, None)
                return
        now, found = self._kubelet.clock.monotonic(), self.read(self._folder)
        self._pressure = decisions.observe(self._pressure, self.thresholds, found, now)
        conditions = self._pressure.conditions(now, self._kubelet.settings.eviction_pressure_transition_period)
        if conditions != self.conditions:
            self.conditions = conditions
            self._kubelet.node.report()
        for threshold in self._pressure.due(now):
            self._reclaim(threshold, found, pods)
            return

    def _reclaim(self, threshold: decisions.Threshold, found: Readings, pods: list[Obj]) -> None:
        resource = RESOURCES[threshold.signal]
        self._kubelet.node.event(WARNING, "EvictionThresholdMet", f"Attempting to reclaim {resource}")
        use = self._use(pods, resource)
        ranked = decisions.ranked(pods, use, resource)
        if ranked:
            pod = ranked[0]
            text = decisions.message(pod, threshold, found[threshold.signal], use.get(uid(pod), Use()))
            most = self._kubelet.settings.eviction_max_pod_grace_period
            self._evict(pod, text, float(most) if threshold.grace else None)

    def _evict(self, pod: Obj, text: str, grace: float | None) -> None:
        log.info("evicting pod %s/%s: %s", pod["metadata"]["namespace"], pod["metadata"]["name"], text)
        self._kubelet.recorder.event(pod, WARNING, EVICTED, text)
        self._kubelet.fail(uid(pod), EVICTED, text, grace or 0.0, disruption=text)

    # ------------------------------------------------------------------ measuring

    def _use(self, pods: list[Obj], resource: str) -> dict[str, Use]:
        runtime, found = self._kubelet.runtime, {}
        for pod in pods:
            running = [c for c in runtime.pod_state(uid(pod)).containers if c.is_running]
            stats = runtime.stats_of([c.id for c in running])
            memory = {c.name: stats[c.id].memory_bytes for c in running if c.id in stats}
            disk, volumes = self._disk(pod) if resource == decisions.STORAGE else ({}, {})
            found[uid(pod)] = Use(
                sum(memory.values()),
                sum(disk.values()) + sum(volumes.values()),
                sum(s.processes for s in stats.values()),
                memory,
                disk,
            )
        return found

    def _disk(self, pod: Obj) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """(container → bytes, emptyDir → bytes)."""
        try:
            disk = self._kubelet.runtime.disk_usage(uid(pod))
        except RuntimeFailure:
            disk = {}
        return disk, self._kubelet.empty_dirs(pod)
