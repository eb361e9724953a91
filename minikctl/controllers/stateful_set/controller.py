"""The controller: keeps a StatefulSet's pods and claims as its plan says, and its revisions.

Source: Kubernetes `pkg/controller/statefulset`.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from minikctl.api.errors import ApiError, conflict
from minikctl.api.meta import Obj, Objects, is_deleting, key, labels_of, name, namespace, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.common import ownership, pods
from minikctl.controllers.common.expectations import Expectations
from minikctl.controllers.common.history import HASH_LABEL, History
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.common.workload import RETRY_SECONDS, WorkloadController
from minikctl.controllers.stateful_set import decisions, identity, spec
from minikctl.controllers.stateful_set.decisions import Plan

REVISION_LABEL = "controller.kubernetes.io/hash"


class StatefulSetController(WorkloadController):
    name = "statefulset-controller"
    resource = "statefulsets.apps"

    def setup(self) -> None:
        super().setup()
        self.claims = self.informers.informer("persistentvolumeclaims")
        revisions = self.informers.informer("controllerrevisions.apps")
        self.history = History(self.client, revisions, self.kind, REVISION_LABEL)
        self.expectations = Expectations(self.clock)

    def what_counts(self, pod: Obj) -> object:
        return pods.phase(pod), pods.is_ready(pod), pods.ready_since(pod)

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
        if not self.expectations.satisfied(object_key):
            return self.expectations.expires_in(object_key)  # what is awaited brings the key back before
        members = self._members(owner)
        known = self.history.of(owner, self.selector(owner))
        collisions = int(owner.get("status", {}).get("collisionCount") or 0)
        update, collisions = self.history.current(owner, known, collisions)
        current = self._current(owner, known, update)
        plan = decisions.plan(owner, members, update, self.clock.now())
        failure = self._carry_out(owner, plan, members, current, update)
        self._write_status(owner, members, plan, current, update, collisions)
        live = {name(current), name(update)} | {labels_of(p).get(HASH_LABEL, "") for p in members}
        self.history.trim(known, live, spec.history_limit(owner))
        if failure is not None:
            raise failure
        wait = plan.wait if plan.wait is not None else _next_available(owner, members, self.clock.now())
        times = (wait, self.expectations.expires_in(object_key))
        return min((t for t in times if t is not None), default=None)

    def _members(self, owner: Obj) -> Objects:
        mine = ownership.owned(self.pods, uid(owner))
        orphans = [p for p in ownership.orphans(self.pods, namespace(owner)) if spec.is_member(owner, p)]
        claims = ownership.RefManager(self.client, self.kind, owner, self.pods.kind, self.selector(owner))
        return [p for p in claims.claim(mine + orphans) if spec.is_member(owner, p)]

    @staticmethod
    def _current(owner: Obj, known: Objects, update: Obj) -> Obj:
        wanted = owner.get("status", {}).get("currentRevision")
        return next((r for r in known if name(r) == wanted), update)

    def _write_status(
        self, owner: Obj, members: Objects, plan: Plan, current: Obj, update: Obj, collisions: int
    ) -> None:
        fresh = decisions.status(owner, members, current, update, collisions, self.clock.now())
        leaving = sum(spec.has_revision(p, current) for p in plan.update)
        fresh["currentReplicas"] = max(fresh["currentReplicas"] - leaving, 0)
        fresh = decisions.trimmed(decisions.completed(owner, fresh))
        if fresh != owner.get("status"):
            stored = self.client.update(self.kind, {**owner, "status": fresh}, subresource="status")
            self.written.wrote(key(owner), stored)

    # ------------------------------------------------------------------ doing it

    def _carry_out(self, owner: Obj, plan: Plan, members: Objects, current: Obj, update: Obj) -> ApiError | None:
        """The first error; everything is tried. Creates or deletes, so that one kind of expectation is enough."""
        failure: ApiError | None = None
        steps = [partial(self._relabel, owner, p) for p in plan.relabel]
        steps += [partial(self._mind_claims, owner, p) for p in members if not is_deleting(owner)]
        doomed = [] if plan.create else [*plan.delete, *plan.update]
        if plan.create:
            self.expectations.expect_creations(key(owner), len(plan.create))
            steps += [partial(self._create, owner, i, current, update) for i in plan.create]
        elif doomed:
            self.expectations.expect_deletions(key(owner), [uid(p) for p in doomed])
            steps += [partial(self._delete, owner, p) for p in doomed]
        for step in steps:
            try:
                step()
            except ApiError as e:
                failure = failure or e
        return failure

    def _create(self, owner: Obj, ordinal: int, current: Obj, update: Obj) -> None:
        revision = current if decisions.runs_current(owner, ordinal) else update
        template = {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}
        pod = identity.pod(owner, template, revision, ordinal)
        try:
            self._create_claims(owner, pod, ordinal)
            self.client.create("pods", pod, namespace(owner))
        except ApiError as e:
            self.expectations.creation_observed(key(owner))
            if is_namespace_terminating(e):
                return
            if e.reason != "AlreadyExists":
                text = f"create Pod {name(pod)} in StatefulSet {name(owner)} failed error: {e.message}"
                self.recorder.warning(owner, "FailedCreate", text)
            raise
        text = f"create Pod {name(pod)} in StatefulSet {name(owner)} successful"
        self.recorder.normal(owner, "SuccessfulCreate", text)

    def _create_claims(self, owner: Obj, pod: Obj, ordinal: int) -> None:
        """Raises ApiError: a claim that goes with an earlier pod of the name has to be gone first."""
        for claim in identity.claims(owner, ordinal):
            present = self.claims.get(name(claim), namespace(owner))
            if present is not None:
                if identity.is_stale(present, name(pod), uid(pod)):
                    why = f"it still belongs to an earlier pod {name(pod)}"
                    raise conflict(self.claims.kind.plural, "", name(claim), why)
                continue
            about = f"Claim {name(claim)} Pod {name(pod)} in StatefulSet {name(owner)}"
            try:
                self.client.create(self.claims.kind, claim, namespace(owner))
            except ApiError as e:
                if e.reason == "AlreadyExists":
                    continue
                self.recorder.warning(owner, "FailedCreate", f"create {about} failed error: {e.message}")
                raise
            self.recorder.normal(owner, "SuccessfulCreate", f"create {about} success")

    def _delete(self, owner: Obj, pod: Obj) -> None:
        about = f"delete Pod {name(pod)} in StatefulSet {name(owner)}"
        try:
            self.client.delete("pods", name(pod), namespace(pod), options=DeleteOptions(uid=uid(pod)))
        except ApiError as e:
            self.expectations.deletion_observed(key(owner), uid(pod))
            if e.reason == "NotFound":
                return
            if e.reason != "Conflict":  # the cache is behind: another pod has the name by now
                self.recorder.warning(owner, "FailedDelete", f"{about} failed error: {e.message}")
            raise
        self.recorder.normal(owner, "SuccessfulDelete", f"{about} successful")

    def _relabel(self, owner: Obj, pod: Obj) -> None:
        self.client.patch("pods", name(pod), {"metadata": {"labels": identity.lost_labels(pod)}}, namespace(pod))
        text = f"update Pod {name(pod)} in StatefulSet {name(owner)} successful"
        self.recorder.normal(owner, "SuccessfulUpdate", text)

    def _mind_claims(self, owner: Obj, pod: Obj) -> None:
        """Have the pod's claims go when the retention policy says so; create those that a pending pod lacks."""
        ordinal = spec.ordinal_of(pod)
        if ordinal is None or not spec.claim_templates(owner):
            return
        for template in spec.claim_templates(owner):
            claim = self.claims.get(identity.claim_name(owner, template, ordinal), namespace(owner))
            references = identity.claim_owners(owner, pod, claim) if claim is not None else None
            if claim is not None and references is not None:
                metadata = {
                    "resourceVersion": claim["metadata"]["resourceVersion"],
                    "ownerReferences": references or None,
                }
                self.client.patch(self.claims.kind, name(claim), {"metadata": metadata}, namespace(claim))
        if pods.phase(pod) == "Pending" and not is_deleting(pod) and ordinal in spec.ordinals(owner):
            self._create_claims(owner, pod, ordinal)


def _next_available(owner: Obj, members: Objects, now: datetime) -> float | None:
    waits = [pods.available_in(p, spec.min_ready_seconds(owner), now) for p in members]
    return min((w for w in waits if w), default=None)
