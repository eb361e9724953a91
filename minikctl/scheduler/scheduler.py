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
from functools import partial
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_deleting, timestamp, uid
from minikctl.client import Client, reacting_to
from minikctl.client.assume_cache import AssumeCache
from minikctl.client.decisions import DecisionLog
from minikctl.client.events import EventRecorder
from minikctl.client.informer import Handler, Informer, InformerFactory
from minikctl.scheduler import algorithm, profiles, record
from minikctl.scheduler.binder import Binder, Binding
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.conditions import condition_patch
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import (
    KIND_EVENTS,
    Change,
    ClusterEvent,
    CycleState,
    Framework,
    Handle,
    Plugin,
    Status,
)
from minikctl.scheduler.node_info import PodInfo, same_for_scheduling
from minikctl.scheduler.nominated import Nominated
from minikctl.scheduler.plugins import all_plugins
from minikctl.scheduler.queue import SchedulingQueue, Waiting
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("scheduler")
ACTOR = "kube-scheduler"
BINDERS = 4
CONFIG_MAP = "kube-scheduler"
"""In kube-system: its `config.yaml` sets the profiles up; a change counts at once."""
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
        decisions: DecisionLog | None = None,
    ):
        self.client = client.for_actor(ACTOR)
        self.clock = clock or SystemClock()
        self.rng = rng or random.SystemRandom()
        self._plugins = all_plugins() if plugins is None else plugins
        self.configuration = profiles.default(self._plugins)
        self.recorder = EventRecorder(self.client, profiles.DEFAULT, clock=self.clock)
        self.decisions = decisions
        self.cache = Cache()
        self.nominated = Nominated()
        self.queue = self._new_queue()
        self.failures = 0
        self._start_at = 0
        self._submit = submit
        self._executor: Any = None
        self._mailbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._pods = informers.informer("pods")
        self._handle = self._make_handle(informers)
        self._watch(informers.informer("nodes"), self._node_changed)
        self._watch(self._pods, self._pod_changed)
        for kind, event in KIND_EVENTS.items():
            if kind in self._handle.listers or kind in self._handle.assumed:
                self._watch(informers.informer(kind), self._teller(event))
        self.binder = Binder(self.client, self.recorder, self.clock, self._post, self._binding_failed)
        selector = f"metadata.name={CONFIG_MAP},metadata.namespace=kube-system"
        self._watch(informers.informer("configmaps", field_selector=selector), self._configured)

    def _make_handle(self, informers: InformerFactory) -> Handle:
        return Handle(
            {kind: informers.informer(kind) for plugin in self._plugins for kind in plugin.listers},
            {kind: AssumeCache(informers.informer(kind)) for kind in {k for p in self._plugins for k in p.assumes}},
            self.client,
            self.recorder,
            self._in_background,
            lambda uid: self._post(lambda: self.queue.retry(uid)),
            lambda: timestamp(self.clock.now()),
        )

    def _new_queue(self) -> SchedulingQueue:
        set_up = self.configuration
        return SchedulingQueue(
            self._framework_of,
            self.clock.monotonic,
            initial_backoff=set_up.initial_backoff,
            max_backoff=set_up.max_backoff,
        )

    def _framework_of(self, pod: PodInfo) -> Framework:
        frameworks = self.configuration.frameworks
        found = frameworks.get(pod.spec.get("schedulerName") or profiles.DEFAULT)
        return found or next(iter(frameworks.values()))

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
                self._wake.wait(self._next_in())

    def _next_in(self) -> float | None:
        """Seconds until there is something to do that no news will tell of."""
        known = [t for t in (self.queue.next_in(), self.binder.next_in()) if t is not None]
        return max(0.0, min(known)) if known else None

    def turn(self) -> bool:
        """Take the news, try one pod; False when there is none to try."""
        while self._mailbox:
            self._mailbox.popleft()()
        if self.binder.parked:
            self.binder.look_again(self.cache.is_assumed, self._in_background)
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
        return not self._mailbox and not counts["active"] and not counts["taken"] and not self.binder.parked

    # ------------------------------------------------------------------ one pod

    def _schedule(self, waiting: Waiting) -> None:
        pod = waiting.pod
        framework = self._framework_of(pod)
        cycle = CycleState(self.cache, handle=self._handle, nominated=self.nominated)
        try:
            with reacting_to(waiting.because):
                choice = algorithm.choose(framework, cycle, pod, self._start_at, self.rng)
        except FitError as e:
            self._record(partial(record.failed, pod, waiting.attempts, e))
            self._nominate(pod, e.nominated)
            self._failed(waiting, "Unschedulable", str(e), e.plugins, nominated=e.nominated)
            return
        except algorithm.PluginFailure as e:
            self._failed(waiting, "SchedulerError", str(e), frozenset(), by_error=True)
            return
        self._start_at = choice.next_start
        self.cache.assume(pod, choice.node)
        self.nominated.remove(pod.uid)
        refused = framework.reserve(cycle, pod, choice.node) or framework.permit(cycle, pod, choice.node)
        if refused is not None:
            self._take_back(waiting, cycle, framework, choice.node, refused)
            return
        self._record(partial(record.chosen, pod, waiting.attempts, choice, len(self.cache.nodes)))
        binding = Binding(waiting, cycle, framework, choice.node)
        self._in_background(lambda: self.binder.bind(binding))

    def _in_background(self, work: Callable[[], None]) -> None:
        assert self._submit is not None
        self._submit(work)

    def _record(self, make: Callable[[], Obj]) -> None:
        """Keep the decision for `minikctl why`; it is put into words in another thread."""
        kept, now = self.decisions, timestamp(self.clock.now())
        if kept is not None:
            self._in_background(lambda: kept.append({"time": now, **make()}))

    def _nominate(self, pod: PodInfo, node: str | None) -> None:
        if node is not None:
            pod.nominated = node
            self.nominated.set(pod, node)

    def _binding_failed(self, binding: Binding, error: str) -> None:
        waiting = binding.waiting
        binding.framework.unreserve(binding.cycle, waiting.pod, binding.node)
        if not self.cache.is_assumed(waiting.pod.uid):
            return  # it has a node by other means, or is gone
        self.cache.forget(waiting.pod.uid)
        self.queue.happened(ClusterEvent.POD_DELETE, None)
        self._failed(waiting, "SchedulerError", error, frozenset(), by_error=True)

    def _take_back(self, waiting: Waiting, cycle: CycleState, framework: Framework, node: str, refused: Status) -> None:
        framework.unreserve(cycle, waiting.pod, node)
        self.cache.forget(waiting.pod.uid)
        reason = "Unschedulable" if refused.rejected else "SchedulerError"
        self._failed(
            waiting, reason, ", ".join(refused.reasons), frozenset({refused.plugin}), by_error=not refused.rejected
        )

    # ------------------------------------------------------------------ failing

    def _failed(
        self,
        waiting: Waiting,
        reason: str,
        message: str,
        rejected_by: frozenset[str],
        *,
        by_error: bool = False,
        nominated: str | None = None,
    ) -> None:
        """Say so in an Event and in the pod's condition, and put the pod back."""
        self.failures += 1
        pod = waiting.pod
        with reacting_to(waiting.because):
            self.recorder.warning(pod.obj, "FailedScheduling", message)
        patch = condition_patch(pod.obj, reason, message, timestamp(self.clock.now()), nominated)
        if patch is not None:
            self._in_background(lambda: self._write_status(pod, waiting.because, patch))
        self.queue.put_back(waiting, rejected_by, by_error=by_error)

    def _write_status(self, pod: PodInfo, because: int | None, patch: Obj) -> None:
        with reacting_to(because):
            try:
                self.client.patch("pods", pod.name, patch, pod.namespace, subresource="status")
            except ApiError as e:
                if e.reason not in ("NotFound", "Conflict"):  # gone, or newer: its next attempt will say it
                    log.warning("%s: %s", pod.key, e.message)

    # ------------------------------------------------------------------ news

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None or _is_over(new):
            self._pod_gone(new or old)
        elif new["spec"].get("nodeName"):
            self._pod_has_node(old, new)
        elif (new["spec"].get("schedulerName") or profiles.DEFAULT) in self.configuration.frameworks:
            self._pod_waits(old, new)

    def _pod_gone(self, obj: Obj | None) -> None:
        assert obj is not None
        uid = obj["metadata"]["uid"]
        self.queue.remove(uid)
        self.nominated.remove(uid)
        if self.cache.remove_pod(uid) is not None:
            self.queue.happened(Change(ClusterEvent.POD_DELETE, obj), _version(obj))

    def _pod_has_node(self, old: Obj | None, new: Obj) -> None:
        uid = new["metadata"]["uid"]
        known, assumed = self.cache.placed(uid), self.cache.is_assumed(uid)
        if known is not None and not assumed and old is not None and same_for_scheduling(old, new):
            return
        self.queue.remove(uid)
        self.nominated.remove(uid)
        self.cache.set_pod(PodInfo(new))
        event = ClusterEvent.POD_ADD if known is None or assumed else ClusterEvent.POD_UPDATE
        self.queue.happened(Change(event, old, new), _version(new))

    def _pod_waits(self, old: Obj | None, new: Obj) -> None:
        uid = new["metadata"]["uid"]
        if is_deleting(new):
            self.queue.remove(uid)
            self.nominated.remove(uid)
            self.cache.remove_pod(uid)
        else:
            changed = old is None or not same_for_scheduling(old, new)
            pod = PodInfo(new)
            self._keep_nomination(old, pod)
            self.queue.update(pod, _version(new), changed=changed)

    def _keep_nomination(self, old: Obj | None, pod: PodInfo) -> None:
        """What the server says, unless its version is from before the last decision."""
        if self.cache.is_assumed(pod.uid):
            return
        before = ((old or {}).get("status") or {}).get("nominatedNodeName")
        if not pod.nominated and not before:
            pod.nominated = self.nominated.node_of(pod.uid)
        self.nominated.set(pod, pod.nominated)

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            assert old is not None
            self.cache.remove_node(old["metadata"]["name"])
            return
        self.cache.set_node(new)
        for event in node_events(old, new):
            self.queue.happened(Change(event, old, new), _version(new))

    def _teller(self, event: ClusterEvent) -> Callable[[Obj | None, Obj | None], None]:
        """For kinds of which only the plugins know what they mean."""

        def changed(old: Obj | None, new: Obj | None) -> None:
            if new is not None:
                self.queue.happened(Change(event, old, new), _version(new))

        return changed

    def _configured(self, _old: Obj | None, new: Obj | None) -> None:
        """Take another configuration; one that is wrong is said to be so, and the last good one stays."""
        try:
            text = ((new or {}).get("data") or {}).get(profiles.KEY)
            self.configuration = profiles.parse(text) if text else profiles.default(self._plugins)
        except ValueError as e:
            assert new is not None
            self.recorder.warning(new, "InvalidConfiguration", str(e))
            return
        self.queue = self._new_queue()
        for obj in self._pods.list():
            if not obj["spec"].get("nodeName") and not _is_over(obj) and not self.cache.is_assumed(uid(obj)):
                self._pod_changed(None, obj)


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
