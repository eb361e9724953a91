"""The controller: counts a ReplicaSet's pods, creates or deletes the difference, reports.

ReplicationControllers are the same thing with an older selector: a subclass names its kind.
Source: Kubernetes `pkg/controller/replicaset/replica_set.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, key, labels_of, name, namespace, uid
from minikctl.api.selectors import Selector
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import ownership, pods
from minikctl.controllers.common.expectations import Expectations
from minikctl.controllers.common.pod_control import PodControl, is_namespace_terminating, slow_start
from minikctl.controllers.common.written import Written
from minikctl.controllers.replica_set import ranking, status

BURST_REPLICAS = 500
"""How many pods one sync creates or deletes at most."""
RETRY_SECONDS = 0.005
LARGE, COLLECT_SECONDS_PER_POD = 200, 20e-6


class ReplicaSetController(Controller):
    name = "replicaset-controller"
    resource = "replicasets.apps"

    def setup(self) -> None:
        self.owners = self.watch(self.resource, on_update=self._owner_updated, on_delete=self._owner_deleted)
        self.kind = self.owners.kind
        self.pods = self.informers.informer("pods")
        ownership.index(self.owners)
        ownership.index(self.pods)
        self.pods.add_handler(Handler(self._pod_added, self._pod_updated, self._pod_deleted))
        self.expectations = Expectations(self.clock)
        self.pod_control = PodControl(self.client, self.recorder)
        self.written = Written(self.clock)

    # ------------------------------------------------------------------ what the kind decides

    def selector(self, owner: Obj) -> Selector:
        return ownership.selector_of(owner)

    # ------------------------------------------------------------------ what changed

    def _owner_updated(self, _old: Obj, new: Obj) -> None:
        if not self.written.is_own(key(new), new):  # our own report coming back is nothing new
            self.enqueue(new)

    def _owner_deleted(self, owner: Obj) -> None:
        self.written.forget(key(owner))
        self.expectations.forget(key(owner))
        self.enqueue(owner)

    def _owner_of(self, pod: Obj) -> Obj | None:
        return ownership.owner_in(self.owners, pod)

    def _enqueue_owner(self, owner: Obj, pod: Obj) -> None:
        """At once; but a large owner collects changes for a while, since counting its pods takes time, too."""
        count = owner.get("status", {}).get("replicas") or 0
        wait = count * COLLECT_SECONDS_PER_POD if count >= LARGE else 0.0
        self.queue.add_after(key(owner), wait, cause_of(pod))

    def _enqueue_adopters(self, pod: Obj) -> None:
        labels = labels_of(pod)
        for owner in self.owners.list(namespace(pod)):
            if self.selector(owner).matches(labels):
                self.queue.add(key(owner), cause_of(pod))

    def _pod_added(self, pod: Obj) -> None:
        if is_deleting(pod):  # seen for the first time at a restart, on its way out
            self._pod_deleted(pod)
        elif controller_of(pod) is None:
            self._enqueue_adopters(pod)
        elif (owner := self._owner_of(pod)) is not None:
            self.expectations.creation_observed(key(owner))
            self._enqueue_owner(owner, pod)

    def _pod_updated(self, old: Obj, new: Obj) -> None:
        relabelled = labels_of(old) != labels_of(new)
        if is_deleting(new):  # counts as deleted from the moment its deletion begins
            self._pod_deleted(new)
            if relabelled:
                self._pod_deleted(old)
            return
        before, after = controller_of(old), controller_of(new)
        if before == after and not relabelled and _what_counts(old) == _what_counts(new):
            return
        if before != after and (owner := self._owner_of(old)) is not None:
            self.queue.add(key(owner), cause_of(new))
        if after is not None:
            if (owner := self._owner_of(new)) is not None:
                self._enqueue_owner(owner, new)
        elif relabelled or before != after:
            self._enqueue_adopters(new)

    def _pod_deleted(self, pod: Obj) -> None:
        if (owner := self._owner_of(pod)) is not None:
            self.expectations.deletion_observed(key(owner), uid(pod))
            self._enqueue_owner(owner, pod)

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        owner = self.owners.by_key(object_key)
        if owner is None:
            self.expectations.forget(object_key)
            return None
        if self.written.is_stale(object_key, self.owners):
            return RETRY_SECONDS
        counts_are_true = self.expectations.satisfied(object_key)
        mine = ownership.owned(self.pods, uid(owner))
        candidates = pods.active(mine + ownership.orphans(self.pods, namespace(owner)))
        terminating = sum(pods.is_terminating(p) for p in mine)
        claims = ownership.RefManager(self.client, self.kind, owner, self.pods.kind, self.selector(owner))
        active = claims.claim(candidates)
        failure: ApiError | None = None
        if counts_are_true and not is_deleting(owner):
            failure = self._manage(object_key, owner, active)
        self._report_status(owner, active, terminating, failure)
        if failure is not None:
            raise failure
        return status.next_check(owner, active, self.clock.now())

    def _manage(self, object_key: str, owner: Obj, active: Objects) -> ApiError | None:
        """Create or delete the difference; the first error."""
        difference = len(active) - status.replicas_wanted(owner)
        if difference < 0:
            return self._create(object_key, owner, min(-difference, BURST_REPLICAS))
        if difference > 0:
            return self._delete(object_key, owner, active, min(difference, BURST_REPLICAS))
        return None

    def _create(self, object_key: str, owner: Obj, count: int) -> ApiError | None:
        self.expectations.expect_creations(object_key, count)
        template = owner["spec"].get("template", {})
        done, failure = slow_start(count, lambda: self._create_one(owner, template))
        self.expectations.creation_observed(object_key, count - done)
        return None if failure is not None and is_namespace_terminating(failure) else failure

    def _create_one(self, owner: Obj, template: Obj) -> None:
        self.pod_control.create(owner, template)

    def _delete(self, object_key: str, owner: Obj, active: Objects, count: int) -> ApiError | None:
        doomed = ranking.pods_to_delete(active, self._related(owner, active), count, self.clock.now())
        self.expectations.expect_deletions(object_key, [uid(p) for p in doomed])
        failure: ApiError | None = None
        for pod in doomed:
            try:
                self.pod_control.delete(owner, name(pod))
            except ApiError as e:
                self.expectations.deletion_observed(object_key, uid(pod))
                if e.reason != "NotFound":
                    failure = failure or e
        return failure

    def _related(self, owner: Obj, active: Objects) -> Objects:
        """The pods of all that have the same controller: those of a Deployment's other ReplicaSets count, too."""
        ref = controller_of(owner)
        if ref is None:
            return active
        siblings = ownership.owned(self.owners, ref["uid"])
        return [p for s in siblings for p in ownership.owned(self.pods, uid(s))]

    def _report_status(self, owner: Obj, active: Objects, terminating: int, failure: ApiError | None) -> None:
        text = failure.message if failure is not None else ""
        fresh = status.calculate(owner, active, self.terminating(terminating), text, self.clock.now())
        if fresh != owner.get("status"):
            stored = self.client.update(self.kind, {**owner, "status": fresh}, subresource="status")
            self.written.wrote(key(owner), stored)

    def terminating(self, count: int) -> int | None:
        """What status.terminatingReplicas says; None for kinds without it."""
        return count


def _what_counts(pod: Obj) -> tuple[object, ...]:
    """What of a pod's status its ReplicaSet's counts depend on: most updates (scheduled, an address) change nothing."""
    return pods.is_active(pod), pods.is_ready(pod), pods.ready_since(pod)
