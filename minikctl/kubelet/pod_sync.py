"""Carrying out what `pod_worker` decides for a pod: start, stop, report.

Source: kubelet `kubelet.go` (SyncPod, SyncTerminatingPod, SyncTerminatedPod), `kuberuntime_manager.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, get_path, labels_of, name, namespace, uid
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet import admission, allotment, pod_worker
from minikctl.kubelet.container_start import RETRY, Starter
from minikctl.kubelet.manifests import is_static
from minikctl.kubelet.pod_worker import Actions, Health, Kill
from minikctl.kubelet.status import TERMINAL, View, failed_status, pod_status
from minikctl.kubelet.volume_manager import SYNC_PERIOD
from minikctl.kubelet.volumes import VolumeError
from minikctl.runtime.interface import (
    READY,
    PodState,
    RuntimeFailure,
    SandboxConfig,
)

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet
    from minikctl.kubelet.pod_record import PodRecord

HANDLERS = ("runc", "crun")
"""What RuntimeClasses may name: the usual ones. Another promises what this runtime is not."""
ORPHAN_GRACE = 1.0


class PodSync:
    """The steps of one node's pods. Called for one pod by one thread at a time."""

    def __init__(self, kubelet: Kubelet):
        self.kubelet = kubelet
        self.runtime = kubelet.runtime
        self.clock = kubelet.clock
        self._starter = Starter(kubelet)

    # ------------------------------------------------------------------ running

    def run(self, record: PodRecord) -> float | None:
        """A pod that is to run, or has run to its end."""
        pod = record.pod
        state = self.runtime.pod_state(uid(pod))
        if get_path(pod, "status", "phase") in TERMINAL:
            return self._settle(record, state)
        left = self._deadline(pod)
        if self._is_new(record, state) and not self._admit(record):
            return None
        if record.failure[0]:
            return self._settle(record, state)
        if self.kubelet.allocation.waits(record):
            return None
        if left is not None and left <= 0:
            record.failure = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            self._event(pod, NORMAL, *record.failure)
            return self._settle(record, state)
        if state.sandbox is None and not self.runtime.simulated:
            self._report(record, state)
        deferred = self.kubelet.allocation.resize(record, state, lambda: self._report(record, state))
        health = self._health(record)
        actions = pod_worker.compute_actions(pod, state, health)
        retry = self._apply(record, state, actions)
        state = self.runtime.pod_state(uid(pod))
        self._report(record, state)
        self.kubelet.probes.update(pod)
        for old in pod_worker.superfluous(state):
            self.runtime.remove_container(old.id)
        return _sooner(retry, left, deferred, self._refresh(record, state))

    def _is_new(self, record: PodRecord, state: PodState) -> bool:
        if record.admitted or record.failure[0] or state.sandbox is not None:
            return False
        return not get_path(record.pod, "status", "containerStatuses")

    def _admit(self, record: PodRecord) -> bool:
        """False when this node does not take the pod: then it has failed."""
        pod, (reason, why) = record.pod, self.kubelet.allocation.admit(record)
        if (reason, why) == admission.ADMITTED:
            return True
        self._event(pod, WARNING, reason, why)
        self.kubelet.writer.write(pod, failed_status(pod, reason, f"Pod was rejected: {why}", self.clock.now()))
        return False

    def _refresh(self, record: PodRecord, state: PodState) -> float | None:
        """Bring what is in the pod's volumes up to date when it is time; seconds until the next time."""
        if self.runtime.simulated or not any(c.is_running for c in state.containers):
            return None
        left = self.kubelet.volumes.due(record.pod)
        if left == 0.0:
            if not self._set_up_volumes(record, state):
                return SYNC_PERIOD  # its containers run, and have what they had
            left = self.kubelet.volumes.due(record.pod)
        return left

    def _set_up_volumes(self, record: PodRecord, state: PodState) -> bool:
        """False, and an Event, when they cannot be had."""
        folder = self.runtime.pod_folder(uid(record.pod))
        if folder is None:
            return True
        try:
            record.mounted = self.kubelet.volumes.set_up(record.pod, folder, self._starter.facts(state))
        except VolumeError as e:
            if not e.quiet:
                self._event(record.pod, WARNING, "FailedMount", str(e))
            if e.reason:
                waits = [c["name"] for c in pod_worker.unstarted_with(record.pod, state, e.volume)]
                record.waiting.update(dict.fromkeys(waits, (e.reason, str(e))))
            return False
        return True

    def _apply(self, record: PodRecord, state: PodState, actions: Actions) -> float | None:
        """Take one step; seconds after which to try again what did not succeed."""
        pod = record.pod
        if actions.kill_pod:
            if actions.create_sandbox:
                self._event(pod, NORMAL, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            elif not self._stop(record, state, pod_worker.grace_period(pod)):
                return None
            if state.sandbox is not None:
                self.runtime.stop_pod_sandbox(state.sandbox.id)
            if not actions.create_sandbox:
                return None
        if actions.start and pod["spec"].get("resourceClaims"):
            text = "Failed to prepare dynamic resources: no driver of this cluster allocates devices"
            self._event(pod, WARNING, "FailedPrepareDynamicResources", text)
            return RETRY
        if actions.start and not self.runtime.simulated and not self._set_up_volumes(record, state):
            return RETRY
        if actions.create_sandbox:
            try:
                self._check_handler(pod)
                self.runtime.run_pod_sandbox(self._sandbox_config(pod, actions.sandbox_attempt))
            except RuntimeFailure as e:
                text = f"Failed to create pod sandbox: {e}"
                self._event(pod, WARNING, "FailedCreatePodSandBox", text)
                return RETRY
        for kill in actions.kill:
            self._kill(record, kill)
        retry: float | None = None
        for start in actions.start:
            retry = _sooner(retry, self._starter.try_start(record, start))
        return retry

    def _kill(self, record: PodRecord, kill: Kill) -> None:
        if kill.restart:
            record.restarting.add(kill.container_id)
        if kill.container_id not in record.stopping:
            grace = get_path(record.pod, "spec", "terminationGracePeriodSeconds", default=30)
            grace = grace if kill.grace is None else kill.grace
            record.stopping[kill.container_id] = float(grace)
            self._starter.event(record.pod, kill.name, NORMAL, "Killing", kill.message)
            self._stop_container(record.pod, kill.name, kill.container_id, float(grace))

    # ------------------------------------------------------------------ ending

    def _stop(self, record: PodRecord, state: PodState, grace: float) -> bool:
        """Have the pod's containers end, those first whose turn it is; True when none runs any more."""
        running = pod_worker.stop_order(record.pod, state)
        for container in running:
            given = record.stopping.get(container.id)
            if given is None:
                text = f"Stopping container {container.name}"
                self._starter.event(record.pod, container.name, NORMAL, "Killing", text)
            if given is None or grace < given:
                record.stopping[container.id] = grace
                self._stop_container(record.pod, container.name, container.id, grace)
        if running and self.runtime.simulated:
            return not any(c.is_running for c in self.runtime.pod_state(uid(record.pod)).containers)
        return not running

    def _stop_container(self, pod: Obj, container: str, container_id: str, grace: float) -> None:
        self.kubelet.hooks.stop_container(pod, pod_worker.spec_of(pod, container), container_id, grace)

    def _settle(self, record: PodRecord, state: PodState) -> float | None:
        """A pod that has ended and is not deleted: nothing may run; logs and statuses stay."""
        if not record.holds_resources:
            self.kubelet.made_room(record)
        grace = pod_worker.grace_period(record.pod) if record.grace is None else record.grace
        done = self._stop(record, state, grace)
        if done:
            self.kubelet.probes.remove(uid(record.pod))
            if state.sandbox is not None and state.sandbox.state == READY:
                self.runtime.stop_pod_sandbox(state.sandbox.id)
        if state.sandbox is not None or record.failure[0]:
            self._report(record, self.runtime.pod_state(uid(record.pod)), terminal=done)
        return None

    def terminate(self, record: PodRecord) -> float | None:
        """A pod that is being deleted: end it, report how it ended, then take the object away."""
        pod = record.pod
        state = self.runtime.pod_state(uid(pod))
        grace = pod_worker.grace_period(pod)
        grace = grace if record.grace is None else min(grace, record.grace)
        if not self._stop(record, state, max(grace, 0.0)):
            self._report(record, state)
            return None
        if state.sandbox is not None:
            self.runtime.stop_pod_sandbox(state.sandbox.id)
            self._report(record, self.runtime.pod_state(uid(pod)), terminal=True)
        self._remove(uid(pod))
        self.kubelet.writer.delete(pod)
        return None

    def gone(self, record: PodRecord) -> float | None:
        """The object is away already (forced deletion): end what still runs."""
        grace = max(pod_worker.grace_period(record.pod), ORPHAN_GRACE)
        state = self.runtime.pod_state(uid(record.pod))
        if self._stop(record, state, grace):
            self._remove(uid(record.pod))
            self.kubelet.forget(uid(record.pod))
            if is_static(record.pod):
                self.kubelet.writer.delete(record.pod)
        return None

    def orphan(self, pod_uid: str) -> float | None:
        """Containers of a pod that was deleted while no agent ran."""
        state = self.runtime.pod_state(pod_uid)
        running = [c for c in state.containers if c.is_running]
        for container in running:
            self.runtime.stop_container(container.id, ORPHAN_GRACE)
        if not running or self.runtime.simulated:
            self._remove(pod_uid)
        return None

    def _remove(self, pod_uid: str) -> None:
        for sandbox in self.runtime.pod_state(pod_uid).sandboxes:
            self.runtime.remove_pod_sandbox(sandbox.id)
        self.runtime.remove_stray(pod_uid)  # where an agent was killed on the way to a sandbox, or away from it

    # ------------------------------------------------------------------ parts

    def _health(self, record: PodRecord) -> Health:
        found = self.kubelet.probes.health(record.pod)
        return replace(
            found,
            unstarted=found.unstarted | self.kubelet.hooks.starting(),
            restarting=frozenset(record.restarting),
            resized=frozenset(record.resized),
        )

    def _deadline(self, pod: Obj) -> float | None:
        started = get_path(pod, "status", "startTime")
        moment = datetime.fromisoformat(started) if started else None
        return pod_worker.deadline_exceeded(pod, moment, self.clock.now())

    def _report(self, record: PodRecord, state: PodState, *, terminal: bool = False) -> None:
        view = View(
            pod=record.pod,
            state=state,
            now=self.clock.now(),
            scheme=self.runtime.name,
            host_ips=(self.kubelet.machine.address,),
            waiting=record.waiting,
            health=self._health(record),
            terminal=terminal,
            failure=record.failure,
            allotted=record.allotted or {},
            pending_resize=record.pending_resize,
            behind=record.behind,
            resizing=record.resizing,
            disruption=record.disruption,
        )
        try:
            self.kubelet.writer.write(record.pod, pod_status(view))
        except ApiError as e:
            if self.kubelet.static is None or not is_static(record.pod):
                raise
            self.kubelet.static.not_reported(record.pod, e)

    def _check_handler(self, pod: Obj) -> None:
        """Who asks for a stronger wall (gVisor, Kata) must not get a weaker one. Raises RuntimeFailure, ApiError."""
        wanted = pod["spec"].get("runtimeClassName")
        if not wanted or self.runtime.simulated:
            return
        handler = self.kubelet.client.get("runtimeclasses.node.k8s.io", wanted).get("handler") or ""
        if handler not in HANDLERS:
            raise RuntimeFailure(f'failed to get sandbox runtime: no runtime for "{handler}" is configured')

    def _sandbox_config(self, pod: Obj, attempt: int) -> SandboxConfig:
        return SandboxConfig(
            uid=uid(pod),
            name=name(pod),
            namespace=namespace(pod),
            hostname=self._starter.hostname(pod),
            attempt=attempt,
            host_network=bool(pod["spec"].get("hostNetwork")),
            share_processes=bool(pod["spec"].get("shareProcessNamespace")),
            annotations=annotations_of(pod),
            labels=labels_of(pod),
            resources=allotment.of_whole_pod(pod, self.kubelet.settings.pod_pids_limit),
            sysctls=admission.sysctls(pod),
        )

    def _event(self, pod: Obj, event_type: str, reason: str, message: str) -> None:
        self.kubelet.recorder.event(pod, event_type, reason, message)


def _sooner(*delays: float | None) -> float | None:
    known: Sequence[float] = [d for d in delays if d is not None]
    return min(known) if known else None
