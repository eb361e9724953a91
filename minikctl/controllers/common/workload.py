"""What controllers of pods' owners have in common: who is to be looked at when an owner or a pod has changed.

A pod counts for the owner that its controlling reference names. One without an owner concerns every owner whose
selector matches it: somebody may adopt it.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, controller_of, is_deleting, key, labels_of, namespace
from minikctl.api.selectors import Selector
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import ownership, pods
from minikctl.controllers.common.pod_control import PodControl
from minikctl.controllers.common.written import Written

RETRY_SECONDS = 0.005
"""When to look again for a cache that has not seen this controller's own writes."""
LARGE, COLLECT_SECONDS_PER_POD = 200, 20e-6


class WorkloadController(Controller):
    """Subclasses set `resource` and `name`; `pod_created` and `pod_deleted` are told before the owner is queued."""

    resource = ""

    def setup(self) -> None:
        self.owners = self.watch(self.resource, on_update=self.owner_updated, on_delete=self.owner_deleted)
        self.kind = self.owners.kind
        self.pods = self.informers.informer("pods")
        ownership.index(self.owners)
        ownership.index(self.pods)
        self.pods.add_handler(Handler(self.pod_added, self.pod_updated, self.pod_removed))
        self.pod_control = PodControl(self.client, self.recorder)
        self.written = Written(self.clock)
        """The owners' own last statuses."""

    # ------------------------------------------------------------------ what a kind decides

    def selector(self, owner: Obj) -> Selector:
        return ownership.selector_of(owner)

    def size(self, owner: Obj) -> int:
        """About how many pods it has."""
        return int(owner.get("status", {}).get("replicas") or 0)

    def what_counts(self, pod: Obj) -> object:
        """What of a pod its owner's sync depends on: most updates (scheduled, an address) change nothing."""
        return pods.is_active(pod), pods.is_ready(pod), pods.ready_since(pod)

    def pod_created(self, owner: Obj, pod: Obj) -> None:
        """The cache has a new pod of the owner."""

    def pod_deleted(self, owner: Obj, pod: Obj) -> None:
        """A pod of the owner is gone, or its deletion has begun."""

    # ------------------------------------------------------------------ what changed

    def owner_updated(self, _old: Obj, new: Obj) -> None:
        if not self.written.is_own(key(new), new):  # our own report coming back is nothing new
            self.enqueue(new)

    def owner_deleted(self, owner: Obj) -> None:
        self.forget(key(owner))
        self.enqueue(owner)

    def forget(self, object_key: str) -> None:
        """Drop what is remembered of an owner that is gone."""
        self.written.forget(object_key)

    def owner_of(self, pod: Obj) -> Obj | None:
        return ownership.owner_in(self.owners, pod)

    def enqueue_owner(self, owner: Obj, pod: Obj) -> None:
        """At once; but a large owner collects changes for a while, since counting its pods takes time, too."""
        count = self.size(owner)
        wait = count * COLLECT_SECONDS_PER_POD if count >= LARGE else 0.0
        self.queue.add_after(key(owner), wait, cause_of(pod))

    def enqueue_adopters(self, pod: Obj) -> None:
        labels = labels_of(pod)
        for owner in self.owners.list(namespace(pod)):
            if self.selector(owner).matches(labels):
                self.queue.add(key(owner), cause_of(pod))

    def pod_added(self, pod: Obj) -> None:
        if is_deleting(pod):  # seen for the first time at a restart, on its way out
            self.pod_removed(pod)
        elif controller_of(pod) is None:
            self.enqueue_adopters(pod)
        elif (owner := self.owner_of(pod)) is not None:
            self.pod_created(owner, pod)
            self.enqueue_owner(owner, pod)

    def pod_updated(self, old: Obj, new: Obj) -> None:
        relabelled = labels_of(old) != labels_of(new)
        if is_deleting(new):  # counts as deleted from the moment its deletion begins
            self.pod_removed(new)
            if relabelled:
                self.pod_removed(old)
            return
        before, after = controller_of(old), controller_of(new)
        if before == after and not relabelled and self.what_counts(old) == self.what_counts(new):
            return
        if before != after and (owner := self.owner_of(old)) is not None:
            self.queue.add(key(owner), cause_of(new))
        if after is not None:
            if (owner := self.owner_of(new)) is not None:
                self.enqueue_owner(owner, new)
        elif relabelled or before != after:
            self.enqueue_adopters(new)

    def pod_removed(self, pod: Obj) -> None:
        if (owner := self.owner_of(pod)) is not None:
            self.pod_deleted(owner, pod)
            self.enqueue_owner(owner, pod)
