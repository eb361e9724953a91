"""The controller: counts a ReplicaSet's pods, creates or deletes the difference, reports.

ReplicationControllers are the same thing with an older selector: a subclass names its kind.
Source: Kubernetes `pkg/controller/replicaset/replica_set.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, key, name, namespace, uid
from minikctl.controllers.common import ownership, pods, ranking
from minikctl.controllers.common.expectations import Expectations
from minikctl.controllers.common.pod_control import is_namespace_terminating, slow_start
from minikctl.controllers.common.workload import RETRY_SECONDS, WorkloadController
from minikctl.controllers.replica_set import status

BURST_REPLICAS = 500
"""How many pods one sync creates or deletes at most."""


class ReplicaSetController(WorkloadController):
    name = "replicaset-controller"
    resource = "replicasets.apps"

    def setup(self) -> None:
        super().setup()
        self.expectations = Expectations(self.clock)

    def pod_created(self, owner: Obj, pod: Obj) -> None:
        self.expectations.creation_observed(key(owner))

    def pod_deleted(self, owner: Obj, pod: Obj) -> None:
        self.expectations.deletion_observed(key(owner), uid(pod))

    def forget(self, object_key: str) -> None:
        super().forget(object_key)
        self.expectations.forget(object_key)

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
        times = (status.next_check(owner, active, self.clock.now()), self.expectations.expires_in(object_key))
        return min((t for t in times if t is not None), default=None)

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
