"""The loop: take the next pod, choose a node, assume it is there, bind in the background.

One thread owns the cache and the queue. Informers put changes into a mailbox; the loop takes them between two
decisions, so that a decision sees one consistent cluster without copying it. Binding is a write and may wait for
volumes: it happens in other threads, and its failures come back through the mailbox.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, find_condition, generation, is_deleting, timestamp
from minikctl.client import Client, reacting_to
from minikctl.client.events import EventRecorder
from minikctl.client.informer import Handler, Informer, InformerFactory
from minikctl.scheduler import algorithm
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import ClusterEvent, CycleState, Framework, Plugin, Status
from minikctl.scheduler.node_info import PodInfo, same_for_scheduling
from minikctl.scheduler.plugins import all_plugins
from minikctl.scheduler.queue import SchedulingQueue, Waiting
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("scheduler")
ACTOR = "kube-scheduler"
SCHEDULER_NAME = "default-scheduler"
BINDERS = 4
TERMINAL = ("Succeeded", "Failed")

Submit = Callable[[Callable[[], None]], Any]


class Scheduler:
    """kube-scheduler. Make it before the informers start; then `start`. Tests call `drain` instead.

    `submit` runs binding and status writes: threads of its own by default, inline when a test gives a plain call.
    """

    def __init__(
        self,
        client: Client,
        informers: InformerFactory,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        plugins: Sequence[Plugin] | None = None,
        submit: Submit | None = None,
    ):
        self.client = client.for_actor(ACTOR)
        self.clock = clock or SystemClock()
        self.rng = rng or random.SystemRandom()
        self.framework = Framework(all_plugins() if plugins is None else plugins)
        self.recorder = EventRecorder(self.client, SCHEDULER_NAME, clock=self.clock)
        self.cache = Cache()
        self.queue = SchedulingQueue(self.framework, self.clock.monotonic)
        self.scheduled = self.failures = 0
        self._start_at = 0
        self._submit = submit
        self._executor: Any = None
        self._mailbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._listers: dict[str, Informer] = {
            kind: informers.informer(kind) for plugin in self.framework.plugins for kind in plugin.listers
        }
        self._watch(informers.informer("nodes"), self._node_changed)
        self._watch(informers.informer("pods"), self._pod_changed)

    def _watch(self, informer: Informer, changed: Callable[[Obj | None, Obj | None], None]) -> None:
        informer.add_handler(
            Handler(
                lambda new: self._post(lambda: changed(None, new)),
                lambda old, new: self._post(lambda: changed(old, new)),
                lambda old: self._post(lambda: changed(old, None)),
            )
        )

    def _post(self, letter: Callable[[], None]) -> None:
        self._mailbox.append(letter)
        self._wake.set()

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        if self._submit is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(BINDERS, thread_name_prefix="binder")
            self._submit = self._executor.submit
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self.recorder.stop()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            if not self.turn():
                self._wake.wait(self.queue.next_in())

    def turn(self) -> bool:
        """Take the news, try one pod; False when there is none to try."""
        while self._mailbox:
            self._mailbox.popleft()()
        waiting = self.queue.pop()
        if waiting is None:
            return False
        try:
            self._schedule(waiting)
        except Exception as e:  # a bug in a plugin must not end scheduling
            log.exception("%s", waiting.pod.key)
            self._failed(waiting, "SchedulerError", f"{type(e).__name__}: {e}", frozenset(), by_error=True)
        return True

    def drain(self, limit: int = 10_000) -> int:
        """Work off what is due in this thread, for tests; the number of attempts."""
        count = 0
        while count < limit and self.turn():
            count += 1
        return count

    @property
    def idle(self) -> bool:
        counts = self.queue.counts()
        return not self._mailbox and not counts["active"] and not counts["taken"]

    # ------------------------------------------------------------------ one pod

    def _schedule(self, waiting: Waiting) -> None:
        pod = waiting.pod
        cycle = CycleState(self.cache, self._listers)
        try:
            choice = algorithm.choose(self.framework, cycle, pod, self._start_at, self.rng)
        except FitError as e:
            self._failed(waiting, "Unschedulable", str(e), e.plugins)
            return
        except algorithm.PluginFailure as e:
            self._failed(waiting, "SchedulerError", str(e), frozenset(), by_error=True)
            return
        self._start_at = choice.next_start
        self.cache.assume(pod, choice.node)
        refused = self.framework.reserve(cycle, pod, choice.node) or self.framework.permit(cycle, pod, choice.node)
        if refused is not None:
            self._take_back(waiting, cycle, choice.node, refused)
            return
        assert self._submit is not None
        self._submit(lambda: self._bind(waiting, cycle, choice.node))

    def _bind(self, waiting: Waiting, cycle: CycleState, node: str) -> None:
        """Runs in another thread: touches neither cache nor queue."""
        pod = waiting.pod
        with reacting_to(waiting.because):
            try:
                refused = self.framework.pre_bind(cycle, pod, node)
                if refused is None:
                    self._write_binding(pod, node)
                    self.scheduled += 1
                    message = f"Successfully assigned {pod.namespace}/{pod.name} to {node}"
                    self.recorder.normal(pod.obj, "Scheduled", message)
                    return
                error = f'running PreBind plugin "{refused.plugin}": {", ".join(refused.reasons)}'
            except ApiError as e:
                if e.reason == "NotFound":
                    return  # deleted meanwhile: the news of that take it out of cache and queue
                error = f"binding rejected: {e.message}"
            except Exception as e:
                log.exception("binding %s", pod.key)
                error = f"{type(e).__name__}: {e}"
        self._post(lambda: self._binding_failed(waiting, cycle, node, error))

    def _write_binding(self, pod: PodInfo, node: str) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        self.client.create("pods", binding, pod.namespace, name=pod.name, subresource="binding")

    def _binding_failed(self, waiting: Waiting, cycle: CycleState, node: str, error: str) -> None:
        self.framework.unreserve(cycle, waiting.pod, node)
        if not self.cache.is_assumed(waiting.pod.uid):
            return  # it has a node by other means, or is gone
        self.cache.forget(waiting.pod.uid)
        self.queue.happened(ClusterEvent.POD_DELETE, None)
        self._failed(waiting, "SchedulerError", error, frozenset(), by_error=True)

    def _take_back(self, waiting: Waiting, cycle: CycleState, node: str, refused: Status) -> None:
        self.framework.unreserve(cycle, waiting.pod, node)
        self.cache.forget(waiting.pod.uid)
        reason = "Unschedulable" if refused.rejected else "SchedulerError"
        self._failed(
            waiting, reason, ", ".join(refused.reasons), frozenset({refused.plugin}), by_error=not refused.rejected
        )

    # ------------------------------------------------------------------ failing

    def _failed(
        self, waiting: Waiting, reason: str, message: str, rejected_by: frozenset[str], *, by_error: bool = False
    ) -> None:
        """Say so in an Event and in the pod's condition, and put the pod back."""
        self.failures += 1
        pod = waiting.pod
        with reacting_to(waiting.because):
            self.recorder.warning(pod.obj, "FailedScheduling", message)
        assert self._submit is not None
        self._submit(lambda: self._note_condition(pod.obj, waiting.because, reason, message))
        self.queue.put_back(waiting, rejected_by, by_error=by_error)

    def _note_condition(self, obj: Obj, because: int | None, reason: str, message: str) -> None:
        conditions = with_unschedulable(obj, reason, message, timestamp(self.clock.now()))
        if conditions is None:
            return
        meta = obj["metadata"]
        patch = {
            "metadata": {"resourceVersion": meta["resourceVersion"]},
            "status": {"conditions": conditions},
        }
        with reacting_to(because):
            try:
                self.client.patch("pods", meta["name"], patch, meta["namespace"], subresource="status")
            except ApiError as e:
                if e.reason not in ("NotFound", "Conflict"):  # gone, or newer: its next attempt will say it
                    log.warning("%s/%s: %s", meta["namespace"], meta["name"], e.message)

    # ------------------------------------------------------------------ news

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None or _is_over(new):
            self._pod_gone(new or old)
        elif new["spec"].get("nodeName"):
            self._pod_has_node(old, new)
        elif new["spec"].get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME:
            self._pod_waits(old, new)

    def _pod_gone(self, obj: Obj | None) -> None:
        assert obj is not None
        uid = obj["metadata"]["uid"]
        self.queue.remove(uid)
        if self.cache.remove_pod(uid) is not None:
            self.queue.happened(ClusterEvent.POD_DELETE, _version(obj))

    def _pod_has_node(self, old: Obj | None, new: Obj) -> None:
        uid = new["metadata"]["uid"]
        known, assumed = self.cache.placed(uid), self.cache.is_assumed(uid)
        if known is not None and not assumed and old is not None and same_for_scheduling(old, new):
            return
        self.queue.remove(uid)
        self.cache.set_pod(PodInfo(new))
        event = ClusterEvent.POD_ADD if known is None or assumed else ClusterEvent.POD_UPDATE
        self.queue.happened(event, _version(new))

    def _pod_waits(self, old: Obj | None, new: Obj) -> None:
        uid = new["metadata"]["uid"]
        if is_deleting(new):
            self.queue.remove(uid)
            self.cache.remove_pod(uid)
        else:
            changed = old is None or not same_for_scheduling(old, new)
            self.queue.update(PodInfo(new), _version(new), changed=changed)

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            assert old is not None
            self.cache.remove_node(old["metadata"]["name"])
            return
        self.cache.set_node(new)
        for event in node_events(old, new):
            self.queue.happened(event, _version(new))


def _is_over(pod: Obj) -> bool:
    """A pod that has ended takes nothing from its node."""
    return (pod.get("status") or {}).get("phase") in TERMINAL


def _version(obj: Obj) -> int | None:
    version = obj["metadata"].get("resourceVersion")
    return int(version) if version else None


def node_events(old: Obj | None, new: Obj) -> list[ClusterEvent]:
    """What a new version of a node means to waiting pods; a heartbeat means nothing."""
    if old is None:
        return [ClusterEvent.NODE_ADD]
    events = []
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if (old.get("status") or {}).get("allocatable") != (new.get("status") or {}).get("allocatable"):
        events.append(ClusterEvent.NODE_ALLOCATABLE)
    if old["metadata"].get("labels") != new["metadata"].get("labels"):
        events.append(ClusterEvent.NODE_LABEL)
    if any(before.get(f) != after.get(f) for f in ("taints", "unschedulable")):
        events.append(ClusterEvent.NODE_TAINT)
    return events


def with_unschedulable(pod: Obj, reason: str, message: str, now: str) -> list[Obj] | None:
    """The pod's conditions with PodScheduled=False; None when they say so already."""
    present: list[Obj] = (pod.get("status") or {}).get("conditions") or []
    known = find_condition(present, "PodScheduled") or {}
    if (known.get("status"), known.get("reason"), known.get("message")) == ("False", reason, message):
        return None
    since = known.get("lastTransitionTime", now) if known.get("status") == "False" else now
    condition: Obj = {"type": "PodScheduled"}
    if generation(pod):
        condition["observedGeneration"] = generation(pod)
    condition |= {
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
    if not known:
        return [*present, condition]
    return [condition if c is known else c for c in present]
