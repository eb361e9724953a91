"""Container lifecycle hooks: postStart beside the container's own start, preStop before its stop signal.

A hook runs in a thread of its own, so that a slow one holds up no other pod. Until postStart is through, the container
counts as not started; when it fails, the container is stopped, and its restart policy has the next word. preStop is part
of the grace period; what is left of it (but two seconds at least) is for the container itself. An HTTP hook has succeeded
when there is an answer, whatever its status.

Source: Kubernetes concept "Container Lifecycle Hooks", kubelet `lifecycle/handlers.go`, `kuberuntime_container.go`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from minikctl.api.meta import Obj, get_path, uid
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet import probe_handlers
from minikctl.kubelet.probe_handlers import Outcome
from minikctl.runtime.interface import ContainerStatus, Runtime
from minikctl.util.clock import Clock

LEAST_GRACE = 2.0
FOREVER = 365 * 86400.0

Tell = Callable[[Obj, Obj, str, str, str], None]
"""(pod, container, type, reason, message): an Event."""


class Hooks:
    """One node's. `enqueue` is called with a pod's uid when a hook has changed something about it."""

    def __init__(self, runtime: Runtime, clock: Clock, enqueue: Callable[[str], None], tell: Tell):
        self._runtime, self._clock, self._enqueue, self._tell = runtime, clock, enqueue, tell
        self._starting: set[str] = set()
        self._stopping: set[str] = set()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """The kubelet ends: hooks that sleep do not go on."""
        self._stopped.set()

    # ------------------------------------------------------------------ postStart

    def starting(self) -> frozenset[str]:
        """The containers whose postStart is not through yet."""
        return frozenset(self._starting)

    def started(self, pod: Obj, container: Obj, container_id: str) -> None:
        """The container was just started."""
        action = get_path(container, "lifecycle", "postStart")
        if not action:
            return
        self._starting.add(container_id)
        self._spawn(lambda: self._post_start(pod, container, container_id, action))

    def _post_start(self, pod: Obj, container: Obj, container_id: str, action: Obj) -> None:
        try:
            if not self._run(pod, container, container_id, action, FOREVER).ok:
                self._tell(pod, container, WARNING, "FailedPostStartHook", "PostStartHook failed")
                self._tell(pod, container, NORMAL, "Killing", "FailedPostStartHook")
                grace = get_path(pod, "spec", "terminationGracePeriodSeconds", default=30)
                self._runtime.stop_container(container_id, float(grace))
        finally:
            self._starting.discard(container_id)
            self._enqueue(uid(pod))

    # ------------------------------------------------------------------ preStop

    def stop_container(self, pod: Obj, container: Obj | None, container_id: str, grace: float) -> None:
        """In the place of the runtime's: the hook first, if there is one. A second call with less grace cuts it short."""
        action = get_path(container or {}, "lifecycle", "preStop")
        if container is None or not action or grace <= 0 or container_id in self._stopping:
            self._runtime.stop_container(container_id, grace)
            return
        self._stopping.add(container_id)
        self._spawn(lambda: self._pre_stop(pod, container, container_id, action, grace))

    def _pre_stop(self, pod: Obj, container: Obj, container_id: str, action: Obj, grace: float) -> None:
        began = self._clock.monotonic()
        try:
            if self._run(pod, container, container_id, action, grace).ok is not True:
                self._tell(pod, container, WARNING, "FailedPreStopHook", "PreStopHook failed")
        finally:
            self._stopping.discard(container_id)
            left = grace - (self._clock.monotonic() - began)
            self._runtime.stop_container(container_id, max(left, LEAST_GRACE))

    # ------------------------------------------------------------------ parts

    def _spawn(self, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name="hook", daemon=True).start()

    def _run(self, pod: Obj, container: Obj, container_id: str, action: Obj, timeout: float) -> Outcome:
        if "sleep" in action:
            self._stopped.wait(min(float(action["sleep"].get("seconds") or 0), timeout))
            return Outcome(True)
        if "exec" not in action and "httpGet" not in action:
            return Outcome(False, "invalid handler")  # tcpSocket may be written, and never works
        status: ContainerStatus = self._runtime.container_status(container_id)
        found = probe_handlers.run(self._runtime, pod, container, {**action, "timeoutSeconds": timeout}, status)
        return Outcome(True) if found.answered else found
