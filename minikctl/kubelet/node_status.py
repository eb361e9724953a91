"""The node half of a kubelet: its Node object, its lease, and the images on its disk.

`beat` is called every few seconds, `report(force=True)` every few minutes; whoever learns something that the Node shows
calls `report` at once. What a node says of itself is in `node`, pure.
Source: kubelet `kubelet_node_status.go`, KEP-589 (leases).
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet import node as nodes
from minikctl.kubelet.image_gc import FAILED, ImageGC, Policy
from minikctl.kubelet.shutdown import NOT_READY
from minikctl.runtime.interface import ImageFailure

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet

log = logging.getLogger("kubelet")
LATE_SECONDS = 30.0
"""Between two heartbeats: this process was stopped for a while, and may have been given up."""


class NodeStatus:
    """One node's. `last`: the Node as it was read or written last, None before `register`."""

    def __init__(self, kubelet: Kubelet):
        self._kubelet = kubelet
        self._client, self._runtime, self._clock = kubelet.client, kubelet.runtime, kubelet.clock
        self._image_gc = ImageGC(kubelet.runtime.images, kubelet.clock, Policy.of(kubelet.settings), self._disk)
        self._beaten = kubelet.clock.monotonic()
        self.last: Obj | None = None

    @property
    def allocatable(self) -> dict[str, str]:
        """What pods may take; what containers without limits are told that they may use."""
        found = (self.last or {}).get("status", {}).get("allocatable", {})
        return {k: str(v) for k, v in found.items()}

    @property
    def _runtime_version(self) -> str:
        """As nodeInfo shows it: `minikctl-process://0.1.0`."""
        return f"{self._runtime.name}://{self._runtime.version}"

    def register(self) -> None:
        """Create the Node, or bring the one that exists up to date; then take the lease."""
        kubelet, limits = self._kubelet, self._runtime.limitations()
        wanted = nodes.node_object(kubelet.config, kubelet.machine, self._runtime_version, limits, self._clock.now())
        self.event(NORMAL, "Starting", "Starting kubelet.")
        try:
            self.last = self._client.create("nodes", wanted)
            self._tell_of_conditions([], wanted["status"]["conditions"])
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
            self.look()
            assert self.last is not None
            changed = nodes.registered_again(self.last, kubelet.config, kubelet.machine)
            if changed is not None:
                self.last = self._client.update("nodes", changed)
        self._renew_lease()  # first: a status without a sign of life is soon said to be unknown again
        self.report(force=True)
        if not self._runtime.simulated:
            self._register_storage()

    def _register_storage(self) -> None:
        """The node's CSINode: drivers that run here would be listed in it."""
        assert self.last is not None
        try:
            self._client.create("csinodes.storage.k8s.io", nodes.storage_object(self.last))
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise

    def look(self) -> Obj:
        """Read the Node again: others label and taint it. Raises ApiError."""
        self.last = self._client.get("nodes", self._kubelet.name)
        return self.last

    def report(self, *, force: bool = False) -> None:
        """Write the node's status when it changed; with `force`, its heartbeats too. Raises ApiError."""
        node, kubelet = self._client.get("nodes", self._kubelet.name), self._kubelet
        before = node.get("status") or {}
        after = nodes.node_status(
            before,
            kubelet.config,
            kubelet.machine,
            self._runtime_version,
            self._runtime.limitations(),
            self._clock.now(),
            kubelet.eviction.conditions if kubelet.eviction else nodes.NO_PRESSURE,
            not self._runtime.simulated and not self._runtime.has_network,
            NOT_READY if kubelet.shutdown.active else "",
        )
        if not self._runtime.simulated:
            after = {**after, "images": nodes.images(self._runtime.images.list())}
        if force or not nodes.same_status(before, after):
            node = {k: v for k, v in node.items() if k != "status"}
            meta = {k: v for k, v in node["metadata"].items() if k != "resourceVersion"}
            self.last = self._client.update("nodes", {**node, "metadata": meta, "status": after}, subresource="status")
            self._tell_of_conditions(before.get("conditions") or [], after["conditions"])

    def beat(self) -> None:
        """Renew the lease. See that the Node says what is so: somebody may have given this one up."""
        now = self._clock.monotonic()
        late, self._beaten = now - self._beaten > LATE_SECONDS, now
        try:
            self._renew_lease()
        except ApiError as e:
            log.warning("%s: cannot renew the lease: %s", self._kubelet.name, e.message)
        if late or not self._runtime.simulated:
            self._look_after()

    def event(self, event_type: str, reason: str, message: str) -> None:
        name = self._kubelet.name
        reference = {"kind": "Node", "name": name, "uid": name, "apiVersion": "v1"}
        self._kubelet.recorder.event(reference, event_type, reason, message)

    # ------------------------------------------------------------------ parts

    def _renew_lease(self) -> None:
        """Say that the node is alive. Raises ApiError."""
        if self.last is None:
            return
        wanted = nodes.lease(self.last, self._clock.now())
        try:
            spec = {"renewTime": wanted["spec"]["renewTime"], "holderIdentity": self._kubelet.name}
            self._client.patch("leases", self._kubelet.name, {"spec": spec}, nodes.LEASE_NAMESPACE)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            self._client.create("leases", wanted, nodes.LEASE_NAMESPACE)

    def _look_after(self) -> None:
        """Take away images that there is no room for; report what changed."""
        name = self._kubelet.name
        try:
            if not self._runtime.simulated and self._image_gc.due() and (failed := self._image_gc.look()):
                self.event(WARNING, FAILED, failed)
            self.report()
        except ApiError as e:
            log.warning("%s: cannot report the node's status: %s", name, e.message)
        except (OSError, ImageFailure) as e:
            log.warning("%s: cannot look after the images: %s", name, e)

    def _disk(self) -> tuple[int, int]:
        """Of the file system that the images are on: bytes in all, bytes available."""
        place = self._runtime.pod_folder("images")
        found = shutil.disk_usage(next(p for p in place.parents if p.exists())) if place else None
        return (found.total, found.free) if found else (0, 0)

    def _tell_of_conditions(self, before: list[Obj], after: list[Obj]) -> None:
        """On simulated nodes, of which there may be many, only of what has changed."""
        if before or not self._runtime.simulated:
            for reason in nodes.news(before, after):
                self.event(NORMAL, reason, f"Node {self._kubelet.name} status is now: {reason}")
