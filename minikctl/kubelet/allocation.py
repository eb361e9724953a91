"""What this node gives to whom: letting pods in, making room for critical ones, granting resizes.

Source: kubelet `allocation/allocation_manager.go`, `lifecycle/predicate.go`, `preemption/preemption.go`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from minikctl.api.meta import Obj, generation, get_path, uid
from minikctl.api.scheduling import amounts, host_ports
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet import admission, allotment, preemption, resize
from minikctl.kubelet.admission import ADMITTED, Findings
from minikctl.kubelet.eviction import decisions
from minikctl.kubelet.eviction.manager import EVICTED
from minikctl.kubelet.preemption import Candidate, NothingToPreempt
from minikctl.kubelet.resize import Allotted, Verdict
from minikctl.kubelet.shutdown import REFUSAL
from minikctl.kubelet.status import TERMINAL
from minikctl.runtime.interface import PodState, RuntimeFailure

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet
    from minikctl.kubelet.pod_record import PodRecord

RESIZE_RETRY = 3.0


class Allocation:
    """One node's. `admit` may be called by several threads, `resize` for one pod by one at a time."""

    def __init__(self, kubelet: Kubelet):
        self._kubelet = kubelet
        self._admitting = threading.Lock()

    # ------------------------------------------------------------------ letting in

    def admit(self, record: PodRecord) -> tuple[str, str]:
        """(reason, message) of why this node does not take a pod that is new to it; ADMITTED, and it is taken.

        One that is critical displaces others; it `awaits` their end then."""
        kubelet, pod = self._kubelet, record.pod
        if kubelet.shutdown.active:
            return REFUSAL
        pressed = decisions.refusal(pod, kubelet.eviction.conditions) if kubelet.eviction else ""
        if pressed:
            return EVICTED, pressed
        with self._admitting:
            found = self._look(record)
            if found.refusal != ADMITTED:  # what is known of the node may be old
                kubelet.node.look()
                found = self._look(record)
            refusal = found.refusal
            if refusal != ADMITTED and decisions.is_critical(pod):
                refusal = self._make_room(record, found)
            record.admitted = refusal == ADMITTED
        return refusal

    def _here(self, record: PodRecord) -> list[PodRecord]:
        return [r for r in list(self._kubelet.records.values()) if r.holds_resources and r is not record]

    def _look(self, record: PodRecord, leaving: frozenset[str] = frozenset()) -> Findings:
        """`leaving`: uids of pods that count no more."""
        here = [r for r in self._here(record) if uid(r.pod) not in leaving]
        ports = (port for r in here for port in host_ports(r.pod["spec"]))
        taken = [r.requests() for r in here]
        node = self._kubelet.node
        return admission.look(record.pod, node.last or {}, record.requests(), amounts(node.allocatable), taken, ports)

    def _make_room(self, record: PodRecord, found: Findings) -> tuple[str, str]:
        """End others, so that a critical pod fits: those that go already, and as few more as may be."""
        if found.beside_room != ADMITTED:
            return found.beside_room
        kubelet, here = self._kubelet, self._here(record)
        going = {uid(r.pod) for r in here if r.makes_room_for}
        found = self._look(record, frozenset(going))
        staying = [r for r in here if uid(r.pod) not in going and not r.failure[0]]
        try:
            missing = {one.resource: one.missing for one in found.short}
            chosen = preemption.victims(record.pod, [Candidate(r.pod, r.requests()) for r in staying], missing)
        except NothingToPreempt as e:
            return preemption.FAILED, f"Unexpected error while attempting to recover from admission failure: {e}"
        for one in chosen:
            kubelet.recorder.event(one.pod, WARNING, preemption.REASON, preemption.MESSAGE)
            kubelet.fail(uid(one.pod), preemption.REASON, preemption.MESSAGE, None, disruption=preemption.DISRUPTION)
        record.awaits = going | {uid(one.pod) for one in chosen}
        for one_uid in record.awaits:
            kubelet.records[one_uid].makes_room_for.add(uid(record.pod))
        return ADMITTED

    def waits(self, record: PodRecord) -> bool:
        """Whether a pod that was let in waits for those that it displaces."""
        known = self._kubelet.records
        record.awaits = {one for one in record.awaits if one in known and known[one].holds_resources}
        return bool(record.awaits)

    # ------------------------------------------------------------------ resizing

    def resize(self, record: PodRecord, state: PodState, report: Callable[[], None]) -> float | None:
        """Grant the resources that the pod asks for, if the node has them, and put in force what was granted; seconds
        until it is worth trying again. `report` writes the pod's status: it shows what is in progress."""
        pod = record.pod
        if record.allotted is None:
            record.allotted = resize.reported(pod)
        if all(record.allotted.get(name) == asked for name, asked in resize.wanted(pod).items()):
            record.pending_resize = ("", "")
            return self._put_in_force(record, state)
        others = [r for r in self._kubelet.records.values() if r is not record and not r.gone]
        others = [r for r in others if get_path(r.pod, "status", "phase") not in TERMINAL]
        pods = [resize.with_allotted(r.pod, r.allotted or {}) for r in others]
        verdict = resize.decide(pod, record.allotted, self._kubelet.node.allocatable, pods)
        before, record.allotted = record.allotted, verdict.allotted
        self._note_pending(record, verdict.pending)
        if not verdict.pending[0]:
            self._granted(record, state, before, verdict)
            if record.resizing is not None:
                report()
        again = self._put_in_force(record, state)
        return RESIZE_RETRY if verdict.pending[0] == resize.DEFERRED else again

    def _note_pending(self, record: PodRecord, pending: tuple[str, str]) -> None:
        pod, told = record.pod, record.pending_resize
        record.pending_resize = pending
        if pending[0] and pending[0] != told[0]:
            text = resize.summary(pending[0], pod, generation(pod), pending[1])
            self._kubelet.recorder.event(pod, WARNING, resize.PENDING_EVENTS[pending[0]], text)

    def _granted(self, record: PodRecord, state: PodState, before: Allotted, verdict: Verdict) -> None:
        """Note which running containers have to be told, or restarted."""
        pod = record.pod
        for container, resources in verdict.allotted.items():
            newest, had = state.newest(container), before.get(container)
            if newest is None or not newest.is_running or had is None or had == resources:
                continue
            known = record.behind.get(container)
            if known is None or known.container_id != newest.id:
                record.behind[container] = resize.Behind(newest.id, had)
            if container in verdict.restart:
                record.resized.add(newest.id)
        if record.behind:
            record.resizing = resize.Progress(generation(pod))
            text = resize.summary("started", pod, generation(pod))
            self._kubelet.recorder.event(pod, NORMAL, resize.STARTED, text)

    def _put_in_force(self, record: PodRecord, state: PodState) -> float | None:
        """Tell the runtime of new limits for containers that go on running with them."""
        progress, allotted = record.resizing, record.allotted or {}
        if progress is None:
            return None
        errors = []
        for container, behind in list(record.behind.items()):
            newest = state.newest(container)
            if newest is None or newest.id != behind.container_id or not newest.is_running:
                del record.behind[container]
            elif newest.id not in record.resized:
                wish = allotted.get(container, behind.resources)
                error = self._update(record.pod, newest.id, behind.resources, wish)
                if error:
                    errors.append(error)
                else:
                    del record.behind[container]
        text = ", ".join(errors)
        if not record.behind:
            record.resizing = None
            self._tell(record, NORMAL, resize.COMPLETED, "completed", progress.generation)
        elif text != progress.error:
            record.resizing = resize.Progress(progress.generation, text)
            if text and not progress.error:  # what is in use changes with every look
                self._tell(record, WARNING, resize.ERROR, "error", progress.generation, text)
        return RESIZE_RETRY if errors else None

    def _update(self, pod: Obj, container_id: str, had: Obj, wish: Obj) -> str:
        """Why it cannot be put in force, else ""."""
        runtime = self._kubelet.runtime
        try:
            if limit := resize.lowered_memory(had, wish):
                used = runtime.container_stats(container_id).memory_bytes
                if used >= limit:
                    return f"attempting to set container memory limit ({limit}) below current usage ({used})"
            runtime.update_resources(container_id, allotment.of_container(pod, wish))
        except RuntimeFailure as e:
            return str(e)
        return ""

    def _tell(
        self, record: PodRecord, event_type: str, reason: str, words: str, of_generation: int, error: str = ""
    ) -> None:
        pod = resize.with_allotted(record.pod, record.allotted or {})
        self._kubelet.recorder.event(pod, event_type, reason, resize.summary(words, pod, of_generation, error))
