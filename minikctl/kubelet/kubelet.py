"""One node's kubelet: hears of its pods and of containers that ended, and has each pod synced at once.

Nothing here polls. `sync(uid)` may be called at any time, any number of times; it reads the pod from the cache and the
containers from the runtime, takes the step that `pod_worker` decides, and writes the status when it changed.
"""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass, field

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, get_path, is_deleting, uid
from minikctl.api.scheduling import Amounts, amounts, host_ports, pod_requests
from minikctl.client import Client, Stop
from minikctl.client.events import NORMAL, WARNING, EventRecorder
from minikctl.client.informer import Handler, Informer
from minikctl.client.workqueue import WorkQueue
from minikctl.kubelet import admission, pull_secrets
from minikctl.kubelet import node as nodes
from minikctl.kubelet.admission import ADMITTED
from minikctl.kubelet.backoff import BackOff
from minikctl.kubelet.container_start import field_path
from minikctl.kubelet.eviction import decisions
from minikctl.kubelet.eviction.manager import EVICTED, EvictionManager
from minikctl.kubelet.hooks import Hooks
from minikctl.kubelet.image_files import ImageVolumes
from minikctl.kubelet.image_gc import FAILED, ImageGC, Policy
from minikctl.kubelet.images import Asked, ImageManager, Record
from minikctl.kubelet.machine import Machine
from minikctl.kubelet.manifests import MIRROR, is_mirror, is_static
from minikctl.kubelet.node import NodeConfig
from minikctl.kubelet.pod_sync import PodSync
from minikctl.kubelet.probes import ProbeManager
from minikctl.kubelet.resize import Allotted
from minikctl.kubelet.settings import Settings
from minikctl.kubelet.shutdown import NOT_READY, REFUSAL, Shutdown
from minikctl.kubelet.static_pods import StaticPods
from minikctl.kubelet.status import TERMINAL
from minikctl.kubelet.status_writer import StatusWriter
from minikctl.kubelet.usage import Usage
from minikctl.kubelet.volume_manager import VolumeManager
from minikctl.kubelet.volumes import Mounted
from minikctl.runtime.interface import ImageFailure, Runtime
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.disk import size

log = logging.getLogger("kubelet")
LATE_SECONDS = 30.0
"""Between two heartbeats: this process was stopped for a while, and may have been given up."""


@dataclass
class PodRecord:
    """What the kubelet remembers of one pod between two syncs."""

    pod: Obj
    gone: bool = False
    """The object was taken away: stop what runs, there is no status to write."""
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    held: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Container → (hash of its spec, monotonic time) before which it is not tried again."""
    stopping: dict[str, float] = field(default_factory=dict)
    """Container id → the grace period that it was given."""
    restarting: set[str] = field(default_factory=set)
    announced: dict[str, str] = field(default_factory=dict)
    """Container → the run of it whose back-off has been told of."""
    failure: tuple[str, str] = ("", "")
    mounted: dict[str, Mounted] = field(default_factory=dict)
    """The pod's volumes by name, once they are set up."""
    allotted: Allotted | None = None
    """What its containers have of the node; None before it is looked at for the first time."""
    pending_resize: tuple[str, str] = ("", "")
    resized: set[str] = field(default_factory=set)
    """Ids of containers that are to be restarted for their new resources."""
    grace: float | None = None
    """Seconds that the containers get, where the pod's own grace period does not count."""
    disruption: str = ""
    """Why the node ends a pod that would have run on."""
    admitted: bool = False
    """This agent has let it in; one before it may have, too: then its containers have statuses."""
    _requests: tuple[Allotted | None, Amounts] | None = None

    @property
    def holds_resources(self) -> bool:
        if self.gone or get_path(self.pod, "status", "phase") in TERMINAL:
            return False
        return self.admitted or bool(get_path(self.pod, "status", "containerStatuses"))

    def requests(self) -> Amounts:
        """What it takes of the node. Counted again when its containers were allotted something else."""
        if self._requests is None or self._requests[0] is not self.allotted:
            self._requests = (self.allotted, pod_requests(self.pod["spec"]))
        return self._requests[1]


class Kubelet:
    """See the module. `queue` may be shared by the kubelets of several simulated nodes; keys are `<node>/<pod uid>`."""

    def __init__(
        self,
        client: Client,
        config: NodeConfig,
        machine: Machine,
        runtime: Runtime,
        queue: WorkQueue,
        clock: Clock | None = None,
        settings: Settings | None = None,
    ):
        self.config, self.machine, self.runtime = config, machine, runtime
        self.settings = settings or Settings()
        self.clock = clock or SystemClock()
        self.client = client.for_actor(f"kubelet/{config.name}")
        self.queue = queue
        self.recorder = EventRecorder(self.client, "kubelet", host=config.name, clock=self.clock)
        self.writer = StatusWriter(self.client)
        self.images = ImageManager(runtime.images, self.clock, self.settings.image_pulls_at_a_time)
        self.image_gc = ImageGC(runtime.images, self.clock, Policy.of(self.settings), self._disk)
        self.backoff = BackOff(longest=self.settings.max_container_restart_period)
        self.volumes = VolumeManager(self.client, self.clock, ImageVolumes(self))
        self.probes = ProbeManager(runtime, self.clock, self.look_again, self._tell)
        self.hooks = Hooks(runtime, self.clock, self.look_again, self._tell)
        self.usage = Usage(runtime, self.clock)
        self.eviction: EvictionManager | None = None
        self.static: StaticPods | None = None
        self.shutdown = Shutdown(self)
        self.records: dict[str, PodRecord] = {}
        self._admitting = threading.Lock()
        self._node: Obj | None = None
        self._beaten = self.clock.monotonic()
        kind = self.client.kind("pods")
        assert kind is not None
        self.pods = Informer(kind)
        self.pods.add_handler(Handler(self._pod_changed, lambda _old, new: self._pod_changed(new), self._pod_gone))
        self._sync = PodSync(self)
        self._stop_reflecting: Stop = _do_nothing

    # ------------------------------------------------------------------ life

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def runtime_version(self) -> str:
        """As nodeInfo shows it: `minikctl-process://0.1.0`."""
        return f"{self.runtime.name}://{self.runtime.version}"

    def start(self) -> None:
        """Register the node, adopt what runs, and follow the node's pods."""
        self.runtime.start(self.look_again)
        self.register()
        if self.static is not None:
            self.static.look()
            self.static.start()
        selector = f"spec.nodeName={self.name}"
        self.runtime.recover(self.client.list("pods", field_selector=selector)["items"])
        self._stop_reflecting = self.client.reflect("pods", self.pods, field_selector=selector)
        for pod_uid in self.runtime.pod_uids():
            if pod_uid not in self.records:
                self.look_again(pod_uid)
        self._remove_strays()
        if self.eviction is not None:
            self.eviction.start()

    def _remove_strays(self) -> None:
        """What an agent left that was killed while it made or removed a pod's files. The files are looked for first:
        a pod that has some and is not there afterwards will not come any more."""
        strays = self.runtime.strays()
        if strays:
            there = {*self.records, *(uid(pod) for pod in self.client.list("pods")["items"])}
            for pod_uid in strays:
                if pod_uid not in there:
                    self.runtime.remove_stray(pod_uid)

    def stop(self) -> None:
        """Let go of everything; containers run on."""
        self._stop_reflecting()
        if self.eviction is not None:
            self.eviction.stop()
        if self.static is not None:
            self.static.stop()
        self.probes.stop()
        self.hooks.stop()
        self.runtime.stop()
        self.recorder.stop()

    # ------------------------------------------------------------------ being told

    def _pod_changed(self, pod: Obj) -> None:
        if is_mirror(pod):
            if self.static is not None:
                self.static.mirror_changed(pod)
            return
        self.pod_found(pod)

    def pod_found(self, pod: Obj) -> None:
        """A pod of this node's, new or changed."""
        record = self.records.get(uid(pod))
        if record is None:
            self.records[uid(pod)] = PodRecord(pod)
        else:
            record.pod, record.gone = pod, False
        self.queue.add(self._key(uid(pod)), _version(pod))

    def _pod_gone(self, pod: Obj) -> None:
        if is_mirror(pod):
            self.look_again(annotations_of(pod)[MIRROR])
            return
        record = self.records.get(uid(pod))
        if record is not None:
            record.pod = pod
            self.pod_lost(uid(pod))

    def pod_lost(self, pod_uid: str) -> None:
        """Its object, or its manifest, was taken away."""
        record = self.records.get(pod_uid)
        if record is not None:
            record.gone = True
            self.queue.add(self._key(pod_uid), _version(record.pod))

    def look_again(self, pod_uid: str) -> None:
        """Have a pod synced soon; from any thread."""
        self.queue.add(self._key(pod_uid))

    def _key(self, pod_uid: str) -> str:
        return f"{self.name}/{pod_uid}"

    def _tell(self, pod: Obj, container: Obj, event_type: str, reason: str, message: str) -> None:
        self.recorder.event(pod, event_type, reason, message, field_path=field_path(pod, container["name"]))

    # ------------------------------------------------------------------ pods

    def sync(self, pod_uid: str) -> float | None:
        """Bring one pod closer to what it asks for; seconds after which to look again, None to wait for news."""
        record = self.records.get(pod_uid)
        if record is None:
            return self._sync.orphan(pod_uid)
        if record.gone:
            return self._sync.gone(record)
        if is_deleting(record.pod):
            return self._sync.terminate(record)
        if is_static(record.pod) and self.static is not None:
            wait = self.static.prepare(record.pod, self._node)
            if wait is not None:
                return wait
        return self._sync.run(record)

    def fail(self, pod_uid: str, reason: str, message: str, grace: float | None, *, disruption: bool = False) -> None:
        """End a pod: its phase becomes Failed. grace: seconds instead of the pod's own. disruption: it is the node's
        doing."""
        record = self.records.get(pod_uid)
        if record is None or record.failure[0]:
            return
        record.failure, record.grace = (reason, message), grace
        record.disruption = message if disruption else ""
        self.look_again(pod_uid)

    def admit(self, record: PodRecord) -> tuple[str, str]:
        """(reason, message) of why this node does not take a pod that is new to it; ADMITTED, and it is taken."""
        pod = record.pod
        if self.shutdown.active:
            return REFUSAL
        pressed = decisions.refusal(pod, self.eviction.conditions) if self.eviction else ""
        if pressed:
            return EVICTED, pressed
        with self._admitting:
            found = self._refusal(record)
            if found != ADMITTED:  # what is known of the node may be old
                self._node = self.client.get("nodes", self.name)
                found = self._refusal(record)
            record.admitted = found == ADMITTED
        return found

    def _refusal(self, record: PodRecord) -> tuple[str, str]:
        here = [r for r in list(self.records.values()) if r.holds_resources and r is not record]
        ports = (port for r in here for port in host_ports(r.pod["spec"]))
        taken = [r.requests() for r in here]
        room = amounts(self.allocatable)
        return admission.refusal(record.pod, self._node or {}, record.requests(), room, taken, ports)

    def empty_dirs(self, pod: Obj) -> dict[str, int]:
        """What is in the pod's emptyDirs, in bytes on disk or in memory."""
        record = self.records.get(uid(pod))
        names = [v["name"] for v in pod["spec"].get("volumes") or [] if "emptyDir" in v]
        mounted = record.mounted if record is not None else {}
        return {n: size(mounted[n].path) for n in names if n in mounted}

    def forget(self, pod_uid: str) -> None:
        """The pod is over and nothing of it is left here."""
        self.records.pop(pod_uid, None)
        self.writer.forget(pod_uid)
        self.backoff.forget(pod_uid)
        self.volumes.forget(pod_uid)
        self.images.forget(pod_uid)
        self.probes.remove(pod_uid)

    # ------------------------------------------------------------------ the node

    def register(self) -> None:
        """Create the Node, or bring the one that exists up to date; then take the lease."""
        limits, now = self.runtime.limitations(), self.clock.now()
        wanted = nodes.node_object(self.config, self.machine, self.runtime_version, limits, now)
        self.node_event(NORMAL, "Starting", "Starting kubelet.")
        try:
            self._node = self.client.create("nodes", wanted)
            self._tell_of_conditions([], wanted["status"]["conditions"])
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
            self._node = self.client.get("nodes", self.name)
            changed = nodes.registered_again(self._node, self.config, self.machine)
            if changed is not None:
                self._node = self.client.update("nodes", changed)
        self.renew_lease()  # first: a status without a sign of life is soon said to be unknown again
        self.report_status(force=True)

    def _tell_of_conditions(self, before: list[Obj], after: list[Obj]) -> None:
        """On simulated nodes, of which there may be many, only of what has changed."""
        if before or not self.runtime.simulated:
            for reason in nodes.news(before, after):
                self.node_event(NORMAL, reason, f"Node {self.name} status is now: {reason}")

    def report_status(self, *, force: bool = False) -> None:
        """Write the node's status when it changed; with `force`, its heartbeats too."""
        node = self.client.get("nodes", self.name)
        before = node.get("status") or {}
        limits, now = self.runtime.limitations(), self.clock.now()
        pressures = self.eviction.conditions if self.eviction else nodes.NO_PRESSURE
        shares = not self.runtime.simulated and not self.runtime.has_network
        not_ready = NOT_READY if self.shutdown.active else ""
        after = nodes.node_status(
            before, self.config, self.machine, self.runtime_version, limits, now, pressures, shares, not_ready
        )
        if not self.runtime.simulated:
            after = {**after, "images": nodes.images(self.runtime.images.list())}
        if force or not nodes.same_status(before, after):
            node = {k: v for k, v in node.items() if k != "status"}
            meta = {k: v for k, v in node["metadata"].items() if k != "resourceVersion"}
            self._node = self.client.update("nodes", {**node, "metadata": meta, "status": after}, subresource="status")
            self._tell_of_conditions(before.get("conditions") or [], after["conditions"])

    def renew_lease(self) -> None:
        """Say that the node is alive. Raises ApiError."""
        if self._node is None:
            return
        wanted = nodes.lease(self._node, self.clock.now())
        try:
            spec = {"renewTime": wanted["spec"]["renewTime"], "holderIdentity": self.name}
            self.client.patch("leases", self.name, {"spec": spec}, nodes.LEASE_NAMESPACE)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            self.client.create("leases", wanted, nodes.LEASE_NAMESPACE)

    def heartbeat(self) -> None:
        """Renew the lease. See that the Node says what is so: somebody may have given this one up. Look at what the
        containers use."""
        late, self._beaten = self.clock.monotonic() - self._beaten > LATE_SECONDS, self.clock.monotonic()
        try:
            self.renew_lease()
        except ApiError as e:
            log.warning("%s: cannot renew the lease: %s", self.name, e.message)
        if late or not self.runtime.simulated:
            self._look_at_node()
        self.usage.look(self.running_pods())

    def asked(self, pod: Obj, record: Record) -> Asked:
        """Who asks for an image of a pod: `record` takes the Events about it."""

        def warn(text: str) -> None:
            self.recorder.event(pod, WARNING, "FailedToRetrieveImagePullSecret", text)

        return Asked(record, lambda: pull_secrets.of_pod(self.client, pod, warn), lambda: self.look_again(uid(pod)))

    def _look_at_node(self) -> None:
        """Take away images that there is no room for; report what changed."""
        try:
            if not self.runtime.simulated and self.image_gc.due() and (failed := self.image_gc.look()):
                self.node_event(WARNING, FAILED, failed)
            self.report_status()
        except ApiError as e:
            log.warning("%s: cannot report the node's status: %s", self.name, e.message)
        except (OSError, ImageFailure) as e:
            log.warning("%s: cannot look after the images: %s", self.name, e)

    def _disk(self) -> tuple[int, int]:
        """Of the file system that the images are on: bytes in all, bytes available."""
        place = self.runtime.pod_folder("images")
        found = shutil.disk_usage(next(p for p in place.parents if p.exists())) if place else None
        return (found.total, found.free) if found else (0, 0)

    def running_pods(self) -> list[Obj]:
        return [record.pod for record in list(self.records.values())]

    def node_event(self, event_type: str, reason: str, message: str) -> None:
        reference = {"kind": "Node", "name": self.name, "uid": self.name, "apiVersion": "v1"}
        self.recorder.event(reference, event_type, reason, message)

    @property
    def allocatable(self) -> dict[str, str]:
        """What containers without limits are told that they may use."""
        found = (self._node or {}).get("status", {}).get("allocatable", {})
        return {k: str(v) for k, v in found.items()}


def _do_nothing() -> None:
    return None


def _version(obj: Obj) -> int | None:
    try:
        return int(obj["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return None
