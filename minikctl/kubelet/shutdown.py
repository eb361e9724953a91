"""Graceful node shutdown: a node that is stopped ends its pods first, those of low priority before the others.

It happens when the agent is told to stop for good (SIGTERM: `cluster stop`, a node that is taken away) and the settings
shutdownGracePeriod, with shutdownGracePeriodCriticalPods, or shutdownGracePeriodByPodPriority say for how long. By default
they are 0, as Kubernetes' are: then containers are killed with their node.

Source: Kubernetes concept "Node Shutdowns", kubelet `nodeshutdown/nodeshutdown_manager.go`.
"""

from __future__ import annotations

import bisect
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, get_path, name, namespace, uid
from minikctl.client.events import NORMAL
from minikctl.kubelet.eviction.decisions import CRITICAL, priority
from minikctl.kubelet.settings import Settings
from minikctl.kubelet.status import TERMINAL

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet

log = logging.getLogger("kubelet")
REASON, MESSAGE = "Terminated", "Pod was terminated in response to imminent node shutdown."
REFUSAL = ("NodeShutdown", "Pod was rejected as the node is shutting down.")
NOT_READY = "node is shutting down"
SLACK = 1.0
"""Seconds that killing and reporting may take on top."""
STEP = 0.02

Periods = Sequence[tuple[int, float]]
"""(the lowest priority that it is for, seconds), ascending."""


def periods(settings: Settings) -> Periods:
    """How long pods get to end, by priority; none when the node does not wait for its pods. Pure."""
    if settings.shutdown_grace_period_by_pod_priority:
        return sorted(settings.shutdown_grace_period_by_pod_priority)
    whole, critical = settings.shutdown_grace_period, settings.shutdown_grace_period_critical_pods
    return [(0, whole - critical), (CRITICAL, critical)] if whole and whole >= critical else []


def group(pods: Sequence[Obj], by: Periods) -> list[list[Obj]]:
    """For each period the pods that it is for; those below the first are the first's, too. Pure."""
    found: list[list[Obj]] = [[] for _ in by]
    for pod in pods:
        found[max(bisect.bisect_right([p for p, _ in by], priority(pod)) - 1, 0)].append(pod)
    return found


def grace(pod: Obj, seconds: float) -> float:
    """What a pod gets of a period. Pure."""
    own = pod["spec"].get("terminationGracePeriodSeconds")
    return seconds if own is None else min(float(own), seconds)


class Shutdown:
    """One node's. `active` from the moment that it shuts down."""

    def __init__(self, kubelet: Kubelet):
        self._kubelet, self._periods = kubelet, periods(kubelet.settings)
        self.active = False

    def run(self) -> None:
        """End the pods, at the end of which nothing more is to run. Blocks as long as the periods allow."""
        if not self._periods:
            return
        self.active = True
        self._kubelet.node.event(NORMAL, "Shutdown", "Shutdown manager detected shutdown event")
        try:
            self._kubelet.node.report()
        except ApiError as e:
            log.warning("%s: cannot report the node's status: %s", self._kubelet.name, e.message)
        pods = [p for p in self._kubelet.running_pods() if get_path(p, "status", "phase") not in TERMINAL]
        for (_, seconds), members in zip(self._periods, group(pods, self._periods), strict=True):
            for pod in members:
                self._kubelet.fail(uid(pod), REASON, MESSAGE, grace(pod, seconds), disruption=MESSAGE)
            if members:
                self._wait(members, seconds + SLACK)

    def _wait(self, pods: list[Obj], seconds: float) -> None:
        clock, never = self._kubelet.clock, threading.Event()
        deadline = clock.monotonic() + seconds
        while not all(map(self._has_ended, pods)) and clock.monotonic() < deadline:
            never.wait(STEP)

    def _has_ended(self, pod: Obj) -> bool:
        if any(c.is_running for c in self._kubelet.runtime.pod_state(uid(pod)).containers):
            return False
        shown = self._kubelet.pods.get(name(pod), namespace(pod))
        return shown is None or get_path(shown, "status", "phase") in TERMINAL
