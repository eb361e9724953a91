"""One node's kubelet: hears of its pods and of containers that ended, and has each pod synced at once.

Nothing here polls. `sync(uid)` may be called at any time, any number of times; it reads the pod from the cache and the
containers from the runtime, takes the step that `pod_worker` decides, and writes the status when it changed.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, annotations_of, is_deleting, uid
from minikctl.client import Client, Stop
from minikctl.client.events import WARNING, EventRecorder
from minikctl.client.informer import Handler, Informer
from minikctl.client.workqueue import WorkQueue
from minikctl.kubelet import pull_secrets
from minikctl.kubelet.allocation import Allocation
from minikctl.kubelet.backoff import BackOff
from minikctl.kubelet.container_start import field_path
from minikctl.kubelet.eviction.manager import EvictionManager
from minikctl.kubelet.hooks import Hooks
from minikctl.kubelet.image_files import ImageVolumes
from minikctl.kubelet.images import Asked, ImageManager, Record
from minikctl.kubelet.machine import Machine
from minikctl.kubelet.manifests import MIRROR, is_mirror, is_static
from minikctl.kubelet.node import NodeConfig
from minikctl.kubelet.node_status import NodeStatus
from minikctl.kubelet.pod_record import PodRecord
from minikctl.kubelet.pod_sync import PodSync
from minikctl.kubelet.probes import ProbeManager
from minikctl.kubelet.settings import Settings
from minikctl.kubelet.shutdown import Shutdown
from minikctl.kubelet.static_pods import StaticPods
from minikctl.kubelet.status_writer import StatusWriter
from minikctl.kubelet.usage import Usage
from minikctl.kubelet.volume_manager import VolumeManager
from minikctl.runtime.interface import Runtime
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.disk import size


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
        self.backoff = BackOff(longest=self.settings.max_container_restart_period)
        self.volumes = VolumeManager(self.client, self.clock, ImageVolumes(self))
        self.probes = ProbeManager(runtime, self.clock, self.look_again, self._tell)
        self.hooks = Hooks(runtime, self.clock, self.look_again, self._tell)
        self.usage = Usage(runtime, self.clock)
        self.eviction: EvictionManager | None = None
        self.static: StaticPods | None = None
        self.shutdown = Shutdown(self)
        self.records: dict[str, PodRecord] = {}
        self.node = NodeStatus(self)
        self.allocation = Allocation(self)
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

    def start(self) -> None:
        """Register the node, adopt what runs, and follow the node's pods."""
        self.runtime.start(self.look_again)
        self.node.register()
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
            wait = self.static.prepare(record.pod, self.node.last)
            if wait is not None:
                return wait
        return self._sync.run(record)

    def fail(self, pod_uid: str, reason: str, message: str, grace: float | None, *, disruption: str = "") -> None:
        """End a pod: its phase becomes Failed. grace: seconds instead of the pod's own. disruption: why the node ends
        what would have run on."""
        record = self.records.get(pod_uid)
        if record is None or record.failure[0]:
            return
        record.failure, record.grace = (reason, message), grace
        record.disruption = disruption
        self.look_again(pod_uid)

    def made_room(self, record: PodRecord) -> None:
        """A pod takes nothing of the node any more: look at those that have waited for that."""
        for pod_uid in record.makes_room_for:
            self.look_again(pod_uid)

    def heartbeat(self) -> None:
        """The node is alive; look at what its containers use."""
        self.node.beat()
        self.usage.look(self.running_pods())

    def empty_dirs(self, pod: Obj) -> dict[str, int]:
        """What is in the pod's emptyDirs, in bytes on disk or in memory."""
        record = self.records.get(uid(pod))
        names = [v["name"] for v in pod["spec"].get("volumes") or [] if "emptyDir" in v]
        mounted = record.mounted if record is not None else {}
        return {n: size(mounted[n].path) for n in names if n in mounted}

    def forget(self, pod_uid: str) -> None:
        """The pod is over and nothing of it is left here."""
        record = self.records.pop(pod_uid, None)
        if record is not None:
            self.made_room(record)
        self.writer.forget(pod_uid)
        self.backoff.forget(pod_uid)
        self.volumes.forget(pod_uid)
        self.images.forget(pod_uid)
        self.probes.remove(pod_uid)

    def asked(self, pod: Obj, record: Record) -> Asked:
        """Who asks for an image of a pod: `record` takes the Events about it."""

        def warn(text: str) -> None:
            self.recorder.event(pod, WARNING, "FailedToRetrieveImagePullSecret", text)

        return Asked(record, lambda: pull_secrets.of_pod(self.client, pod, warn), lambda: self.look_again(uid(pod)))

    def running_pods(self) -> list[Obj]:
        return [record.pod for record in list(self.records.values())]


def _do_nothing() -> None:
    return None


def _version(obj: Obj) -> int | None:
    try:
        return int(obj["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return None
