"""Startup, liveness and readiness probes: when each is due, what its results mean.

One thread keeps the times and hands due probes to a few others, which start when the first probe does. A node without
probes has no thread for them, and between two probes nothing runs.

Source: Kubernetes "Configure Liveness, Readiness and Startup Probes"; kubelet `prober/worker.go`.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count

from minikctl.api.meta import Obj, is_deleting, uid
from minikctl.client.events import WARNING
from minikctl.kubelet import probe_handlers
from minikctl.kubelet.pod_worker import LIVENESS, STARTUP, Health, containers_of, init_containers_of, is_sidecar
from minikctl.runtime.interface import ContainerStatus, Runtime
from minikctl.util.clock import Clock

READINESS = "readiness"
KINDS = ((STARTUP, "startupProbe"), (LIVENESS, "livenessProbe"), (READINESS, "readinessProbe"))
SUCCESS, FAILURE = True, False
THREADS = 8
EARLY, EARLY_PERIOD = 1.0, 0.2
"""Seconds after a container's start in which a failure is none, and after which it is tried again then: other kubelets
hear of the start a second later; ours would come before any program listens, to come back a whole period later."""

Key = tuple[str, str, str]
"""(pod uid, container name, kind of probe)."""
Tell = Callable[[Obj, Obj, str, str, str], None]
"""(pod, container, event type, reason, message)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a probe has seen of one run of a container. verdict None: nothing decided yet (startup)."""

    container_id: str = ""
    verdict: bool | None = None
    last: bool | None = None
    run: int = 0
    on_hold: bool = False
    """A liveness or startup probe failed for good: wait for the next run of the container."""


def fresh(kind: str, container_id: str) -> Tally:
    """The tally of a new run: not ready, alive, not known to have started."""
    return Tally(container_id, {READINESS: FAILURE, LIVENESS: SUCCESS}.get(kind))


def counted(tally: Tally, kind: str, spec: Obj, result: bool) -> Tally:
    """The tally after one more result: the verdict changes when the threshold is reached."""
    run = tally.run + 1 if tally.last is result else 1
    threshold = int(spec.get("successThreshold") or 1) if result else int(spec.get("failureThreshold") or 3)
    if run < threshold:
        return replace(tally, last=result, run=run)
    fatal = result is FAILURE and kind in (LIVENESS, STARTUP)
    return replace(tally, last=result, run=0 if fatal else run, verdict=result, on_hold=fatal)


@dataclass
class _Worker:
    pod: Obj
    container: Obj
    kind: str
    spec: Obj
    tally: Tally = field(default_factory=Tally)
    serial: int = 0
    """Only the newest entry in the timetable counts."""


class ProbeManager:
    """The probes of one node. `changed(uid)` is called when a verdict changed."""

    def __init__(self, runtime: Runtime, clock: Clock, changed: Callable[[str], None], tell: Tell):
        self._runtime, self._clock = runtime, clock
        self._changed, self._tell = changed, tell
        self._workers: dict[Key, _Worker] = {}
        self._timetable: list[tuple[float, int, Key]] = []
        self._serial = count(1)
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._stopped = False

    # ------------------------------------------------------------------ what the pod's worker calls

    def update(self, pod: Obj) -> None:
        """Probe this pod's containers from now on, as its (new) spec says."""
        if self._runtime.simulated:
            return
        with self._condition:
            for container, kind, spec in probes_of(pod):
                key = (uid(pod), container["name"], kind)
                known = self._workers.get(key)
                if known is not None:
                    known.pod, known.container, known.spec = pod, container, spec
                    newest = self._runtime.pod_state(uid(pod)).newest(container["name"])
                    if newest is not None and newest.is_running and newest.id != known.tally.container_id:
                        self._schedule(key, 0.0)
                else:
                    self._workers[key] = _Worker(pod, container, kind, spec)
                    self._schedule(key, 0.0)

    def remove(self, pod_uid: str) -> None:
        with self._condition:
            for key in [k for k in self._workers if k[0] == pod_uid]:
                del self._workers[key]

    def health(self, pod: Obj) -> Health:
        """The verdicts on the containers that run now; a container that was never probed is not started, not ready."""
        failed: dict[str, str] = {}
        unstarted: set[str] = set()
        unready: set[str] = set()
        if self._runtime.simulated:
            return Health()
        state = self._runtime.pod_state(uid(pod))
        with self._condition:
            for container, kind, _spec in probes_of(pod):
                newest = state.newest(container["name"])
                worker = self._workers.get((uid(pod), container["name"], kind))
                if newest is None:
                    continue
                tally = worker.tally if worker and worker.tally.container_id == newest.id else fresh(kind, newest.id)
                if kind == READINESS and tally.verdict is not SUCCESS:
                    unready.add(newest.id)
                elif kind == STARTUP and tally.verdict is not SUCCESS:
                    unstarted.add(newest.id)
                if kind != READINESS and tally.verdict is FAILURE:
                    failed[newest.id] = kind
        return Health(failed, frozenset(unstarted), frozenset(unready))

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._workers.clear()
            self._condition.notify_all()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # ------------------------------------------------------------------ the timetable

    def _schedule(self, key: Key, seconds: float) -> None:
        """With the condition held."""
        worker = self._workers.get(key)
        if worker is None or self._stopped:
            return
        worker.serial = next(self._serial)
        heapq.heappush(self._timetable, (self._clock.monotonic() + seconds, worker.serial, key))
        if self._thread is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="probe")
            self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
            self._thread.start()
        self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                key = self._due()
                if key is None:
                    return
                pool = self._pool
            if pool is not None:
                try:
                    pool.submit(self._probe, key)
                except RuntimeError:
                    return  # shut down meanwhile

    def _due(self) -> Key | None:
        """Wait for the next entry; None when stopped."""
        while not self._stopped:
            now = self._clock.monotonic()
            if self._timetable and self._timetable[0][0] <= now:
                _, serial, key = heapq.heappop(self._timetable)
                worker = self._workers.get(key)
                if worker is not None and worker.serial == serial:
                    return key
                continue
            self._condition.wait(self._timetable[0][0] - now if self._timetable else None)
        return None

    def _probe(self, key: Key) -> None:
        """One turn of one probe, in a thread of the pool."""
        with self._condition:
            worker = self._workers.get(key)
        if worker is None:
            return
        status = self._runtime.pod_state(key[0]).newest(worker.container["name"])
        wait = self._turn(key, worker, status)
        with self._condition:
            if wait is not None and self._workers.get(key) is worker:
                self._schedule(key, wait)

    def _turn(self, key: Key, worker: _Worker, status: ContainerStatus | None) -> float | None:
        """Probe if it is time; seconds until the next turn, None to wait until `update` wakes it."""
        period = float(worker.spec.get("periodSeconds") or 10)
        if status is None or not status.is_running or status.started_at is None:
            return None
        if worker.tally.container_id != status.id:
            worker.tally = fresh(worker.kind, status.id)
        if worker.tally.on_hold:
            return None
        if is_deleting(worker.pod) and worker.kind != READINESS:
            return None
        since = (self._clock.now() - status.started_at).total_seconds()
        delay = float(worker.spec.get("initialDelaySeconds") or 0) - since
        if delay > 0:
            return delay
        started = status.id not in self.health(worker.pod).unstarted
        if worker.kind == STARTUP and started:
            return None
        if worker.kind != STARTUP and not started:
            return None  # woken when the startup probe has passed
        if not self._judge(key, worker, status, is_early=since < EARLY):
            return EARLY_PERIOD
        return period

    def _judge(self, key: Key, worker: _Worker, status: ContainerStatus, is_early: bool) -> bool:
        """False when the result does not count: it was too early to fail."""
        result = probe_handlers.run(self._runtime, worker.pod, worker.container, worker.spec, status)
        if is_early and not result.ok:
            return False
        self._count(key, worker, status, result)
        return True

    def _count(self, key: Key, worker: _Worker, status: ContainerStatus, result: probe_handlers.Outcome) -> None:
        title = worker.kind.capitalize()
        if result.ok is None:
            if result.output:
                text = f"{title} probe errored and resulted in unknown state: {result.output}"
                self._tell(worker.pod, worker.container, WARNING, "Unhealthy", text)
            return
        if result.warning:
            self._tell(worker.pod, worker.container, WARNING, "ProbeWarning", f"{title} probe warning: {result.output}")
        if not result.ok:
            self._tell(worker.pod, worker.container, WARNING, "Unhealthy", f"{title} probe failed: {result.output}")
        with self._condition:
            if worker.tally.container_id != status.id:
                return
            before = worker.tally.verdict
            worker.tally = counted(worker.tally, worker.kind, worker.spec, result.ok)
            changed = worker.tally.verdict is not before
            if changed and worker.kind == STARTUP:
                for other in self._workers:
                    if other[:2] == key[:2] and other[2] != STARTUP:
                        self._schedule(other, 0.0)
        if changed:
            self._changed(key[0])


def probes_of(pod: Obj) -> Iterator[tuple[Obj, str, Obj]]:
    """(container, kind, probe) of every probe of a pod; ordinary init containers have none."""
    for container in [c for c in init_containers_of(pod) if is_sidecar(c)] + containers_of(pod):
        for kind, field_name in KINDS:
            if container.get(field_name):
                yield container, kind, container[field_name]
