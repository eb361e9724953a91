"""Carrying a decision out: prepare the node (PreBind), wait until it is prepared, tell the API server.

`bind` runs in other threads and touches neither cache nor queue. A pod that has to wait for its volumes is parked, and
looked at by the scheduling loop whenever there are news; no thread waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.client import Client, reacting_to
from minikctl.client.events import EventRecorder
from minikctl.scheduler.framework import Code, CycleState, Framework, Status
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.queue import Waiting
from minikctl.util.clock import Clock

log = logging.getLogger("scheduler")
PATIENCE_SECONDS = 600.0
"""How long a pod waits for its volumes before another node is looked for."""
TIMED_OUT = Status(Code.ERROR, ("binding volumes: timed out waiting for the condition",))


@dataclass(eq=False, slots=True)
class Binding:
    """A decision that is being carried out. `deadline`: until when it waits, in monotonic seconds."""

    waiting: Waiting
    cycle: CycleState
    framework: Framework
    node: str
    deadline: float = 0.0


class Binder:
    """`post` puts a letter into the scheduling loop's mailbox; `failed` is called by the loop."""

    def __init__(
        self,
        client: Client,
        recorder: EventRecorder,
        clock: Clock,
        post: Callable[[Callable[[], None]], None],
        failed: Callable[[Binding, str], None],
    ):
        self.client, self.recorder, self.clock = client, recorder, clock
        self._post, self._failed = post, failed
        self.parked: list[Binding] = []
        self.bound = 0

    # ------------------------------------------------------------------ in other threads

    def bind(self, binding: Binding, *, prepared: bool = False) -> None:
        """`prepared`: PreBind has been run, and what it asked for is there."""
        waiting, pod = binding.waiting, binding.waiting.pod
        with reacting_to(waiting.because):
            try:
                refused = None if prepared else self._prepare(binding)
                if refused is not None and refused.code is Code.WAIT:
                    self._post(lambda: self._park(binding))
                    return
                if refused is None:
                    self.write(pod, binding.node)
                    self.bound += 1
                    message = f"Successfully assigned {pod.key} to {binding.node}"
                    self.recorder.normal(pod.obj, "Scheduled", message)
                    return
                error = _text(refused)
            except ApiError as e:
                if e.reason == "NotFound":
                    return  # deleted meanwhile: the news of that take it out of cache and queue
                error = f"binding rejected: {e.message}"
            except Exception as e:
                log.exception("binding %s", pod.key)
                error = f"{type(e).__name__}: {e}"
        self._post(lambda: self._failed(binding, error))

    def _prepare(self, binding: Binding) -> Status | None:
        framework, cycle, pod = binding.framework, binding.cycle, binding.waiting.pod
        return framework.pre_bind(cycle, pod, binding.node) or framework.prepared(cycle, pod, binding.node)

    def write(self, pod: PodInfo, node: str) -> None:
        """Raises ApiError."""
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        self.client.create("pods", binding, pod.namespace, name=pod.name, subresource="binding")

    # ------------------------------------------------------------------ in the scheduling loop

    def _park(self, binding: Binding) -> None:
        binding.deadline = self.clock.monotonic() + PATIENCE_SECONDS
        self.parked.append(binding)

    def look_again(self, still_wanted: Callable[[str], bool], submit: Callable[[Callable[[], None]], None]) -> None:
        """Something has changed, perhaps: which pods have what they wait for? `still_wanted`: by uid."""
        parked, self.parked = self.parked, []
        for binding in parked:
            pod = binding.waiting.pod
            if not still_wanted(pod.uid):
                binding.framework.unreserve(binding.cycle, pod, binding.node)
                continue
            answer = binding.framework.prepared(binding.cycle, pod, binding.node)
            if answer is not None and answer.code is Code.WAIT:
                if self.clock.monotonic() < binding.deadline:
                    self.parked.append(binding)
                    continue
                answer = TIMED_OUT.by(answer.plugin)
            if answer is None:
                submit(_Again(self, binding))
            else:
                self._failed(binding, _text(answer))

    def next_in(self) -> float | None:
        """Seconds until the first of those that wait gives up."""
        now = self.clock.monotonic()
        return min((b.deadline - now for b in self.parked), default=None)


@dataclass(frozen=True, slots=True)
class _Again:
    binder: Binder
    binding: Binding

    def __call__(self) -> None:
        self.binder.bind(self.binding, prepared=True)


def _text(refused: Status) -> str:
    return f'running PreBind plugin "{refused.plugin}": {", ".join(refused.reasons)}'
