"""Starting one container of a pod: its image, its environment and mounts, the wait after a failure.

Source: kubelet `kuberuntime_container.go` (startContainer), `kubelet_pods.go` (GenerateRunContainerOptions).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from minikctl.api.durations import format_go_duration
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, namespace, uid
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet import pod_worker
from minikctl.kubelet.containers import container_config, hostname, plain_config
from minikctl.kubelet.environment import ConfigError, Facts
from minikctl.kubelet.images import NotStarted, Pulling
from minikctl.kubelet.own_files import CLUSTER_DNS
from minikctl.kubelet.own_files import write as own_files
from minikctl.kubelet.pod_worker import Start
from minikctl.kubelet.volume_manager import mounts
from minikctl.runtime.interface import (
    EXITED,
    ContainerConfig,
    ContainerStatus,
    ImageStatus,
    Mount,
    PodState,
    RuntimeFailure,
    StartFailure,
)

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet
    from minikctl.kubelet.pod_record import PodRecord

RETRY = 3.0
"""Seconds after which a start that the runtime refused is tried again."""
PULL_CHECK = 10.0
"""Seconds after which a pod whose image is on its way is looked at anyhow."""

NO_TARGET = "It does not see the processes of container {}: without a cluster network containers share none"


class Starter:
    """Of one node's containers. Called for one pod by one thread at a time."""

    def __init__(self, kubelet: Kubelet):
        self.kubelet = kubelet
        self.runtime = kubelet.runtime
        self.clock = kubelet.clock

    def try_start(self, record: PodRecord, start: Start) -> float | None:
        """Start a container, or note why not; seconds until the next attempt."""
        container, fingerprint = start.spec["name"], pod_worker.spec_hash(start.spec)
        now = self.clock.monotonic()
        held = record.held.get(container)
        if held is not None and held[0] == fingerprint and now < held[1]:
            return held[1] - now
        record.held.pop(container, None)
        try:
            self._start(record, start)
        except NotStarted as e:
            record.waiting[container] = (e.reason, e.message)
            retry = e.retry or RETRY
            record.held[container] = (fingerprint, now + retry)
            return retry
        except Pulling:
            return PULL_CHECK
        record.waiting.pop(container, None)
        return None

    def _start(self, record: PodRecord, start: Start) -> None:
        pod, container = record.pod, start.spec["name"]
        state = self.runtime.pod_state(uid(pod))
        self._back_off(record, start, state.newest(container))
        image = self._ensure_image(pod, start.spec)
        sandbox = state.sandbox
        assert sandbox is not None
        if self.runtime.simulated:
            config = plain_config(start)
        else:
            try:
                config = container_config(
                    self.kubelet.client,
                    pod,
                    start,
                    self.facts(state),
                    lambda env: self._mounts(record, start, state, env),
                    (record.allotted or {}).get(container) or start.spec.get("resources") or {},
                    image,
                )
                config = self._with_last_words(record, start, config)
            except ConfigError as e:
                self.event(pod, container, WARNING, "Failed", f"Error: {e}")
                raise NotStarted("CreateContainerConfigError", str(e), retry=RETRY) from None
            except ApiError as e:
                raise NotStarted("CreateContainerConfigError", e.message, retry=RETRY) from None
        try:
            container_id = self.runtime.create_container(sandbox.id, config)
        except RuntimeFailure as e:
            self.event(pod, container, WARNING, "Failed", f"Error: {e}")
            raise NotStarted("CreateContainerError", str(e), retry=RETRY) from None
        self.event(pod, container, NORMAL, "Created", "Container created")
        if config.target and not self.runtime.sees_processes:
            self.event(pod, container, WARNING, "TargetIgnored", NO_TARGET.format(config.target))
        try:
            self.runtime.start_container(container_id)
        except StartFailure as e:
            self.event(pod, container, WARNING, "Failed", f"Error: {e}")
            raise NotStarted("RunContainerError", str(e), retry=RETRY) from None
        self.event(pod, container, NORMAL, "Started", "Container started")
        self.kubelet.hooks.started(pod, start.spec, container_id)

    def _ensure_image(self, pod: Obj, spec: Obj) -> ImageStatus:
        """Raises NotStarted, Pulling."""
        record = partial(self.event, pod, spec["name"])
        return self.kubelet.images.ensure(pod, spec, self.kubelet.asked(pod, record))

    def _back_off(self, record: PodRecord, start: Start, last: ContainerStatus | None) -> None:
        """Hold back a container that failed, longer each time. Raises NotStarted."""
        if last is None or last.state != EXITED or last.finished_at is None:
            return
        pod, container, backoff = record.pod, start.spec["name"], self.kubelet.backoff
        key = f"{uid(pod)}/{container}/{pod_worker.spec_hash(start.spec)}"
        ended, now = last.finished_at.timestamp(), self.clock.now().timestamp()
        wait = backoff.remaining(key, ended, now)
        if wait <= 0:
            backoff.next(key, ended, now)
            return
        where = f"{name(pod)}_{namespace(pod)}({uid(pod)})"
        if record.announced.get(container) != last.id:
            record.announced[container] = last.id
            text = f"Back-off restarting failed container {container} in pod {where}"
            self.event(pod, container, WARNING, "BackOff", text)
        shown = format_go_duration(backoff.delay(key))
        message = f"back-off {shown} restarting failed container={container} pod={where}"
        raise NotStarted("CrashLoopBackOff", message, retry=wait)

    def _mounts(self, record: PodRecord, start: Start, state: PodState, env: Mapping[str, str]) -> tuple[Mount, ...]:
        """Raises ConfigError."""
        pod, folder = record.pod, self.runtime.pod_folder(uid(record.pod))
        asked = mounts(start.spec, record.mounted, env)
        if folder is None or state.sandbox is None:
            return asked
        ip = state.sandbox.ip or self.kubelet.machine.address
        try:
            taken = [m.container_path for m in asked]
            cluster_dns = CLUSTER_DNS if self.runtime.has_network else ""
            return own_files(pod, folder, ip, self.hostname(pod), taken, cluster_dns=cluster_dns) + asked
        except OSError as e:
            raise ConfigError(f"cannot write {e.filename}: {e.strerror}") from None

    def _with_last_words(self, record: PodRecord, start: Start, config: ContainerConfig) -> ContainerConfig:
        """A file at terminationMessagePath that outlives the container. Raises ConfigError."""
        folder = self.runtime.pod_folder(uid(record.pod))
        if folder is None:
            return config
        place = start.spec.get("terminationMessagePath") or "/dev/termination-log"
        path = folder / "termination" / f"{start.spec['name']}-{start.attempt}"
        try:
            path.parent.mkdir(exist_ok=True, mode=0o755)
            path.write_bytes(b"")
            path.chmod(0o666)
        except OSError as e:
            raise ConfigError(f"cannot write {path}: {e.strerror}") from None
        return replace(
            config,
            mounts=(*config.mounts, Mount(str(path), place)),
            termination_log=str(path),
            termination_from_output=start.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError",
        )

    def facts(self, state: PodState) -> Facts:
        """What the node knows of the pod by now."""
        address, sandbox = self.kubelet.machine.address, state.sandbox
        ips = ((sandbox.ip or address),) if sandbox is not None else ()
        return Facts(ips, (address,), self.kubelet.name, self.kubelet.node.allocatable)

    def hostname(self, pod: Obj) -> str:
        """The pod's own name, or the node's on its network."""
        return hostname(pod, self.kubelet.name if self.runtime.has_network else "")

    def event(self, pod: Obj, container: str, event_type: str, reason: str, message: str) -> None:
        """About one container."""
        self.kubelet.recorder.event(pod, event_type, reason, message, field_path=field_path(pod, container))


def field_path(pod: Obj, container: str) -> str:
    """How an Event names a container of a pod."""
    inits = pod["spec"].get("initContainers") or []
    extras = pod["spec"].get("ephemeralContainers") or []
    place = "initContainers" if any(c["name"] == container for c in inits) else "containers"
    place = "ephemeralContainers" if any(c["name"] == container for c in extras) else place
    return f"spec.{place}{{{container}}}"
