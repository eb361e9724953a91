"""The controller: carries out a DaemonSet's plan, follows nodes and pods, keeps its revisions and its status.

Source: Kubernetes `pkg/controller/daemon/daemon_controller.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, is_deleting, key, labels_of, name, namespace, uid
from minikctl.client.informer import Handler
from minikctl.controllers.base import cause_of
from minikctl.controllers.common import ownership, pods
from minikctl.controllers.common.expectations import Expectations
from minikctl.controllers.common.history import HASH_LABEL, History
from minikctl.controllers.common.pod_control import is_namespace_terminating, slow_start
from minikctl.controllers.common.workload import RETRY_SECONDS, WorkloadController
from minikctl.controllers.daemon_set import decisions, placement
from minikctl.controllers.daemon_set.backoff import Backoff
from minikctl.controllers.daemon_set.decisions import Plan


class DaemonSetController(WorkloadController):
    name = "daemonset-controller"
    resource = "daemonsets.apps"

    def setup(self) -> None:
        super().setup()
        self.nodes = self.informers.informer("nodes")
        self.nodes.add_handler(Handler(self._node_changed, self._node_updated, self._node_changed))
        revisions = self.informers.informer("controllerrevisions.apps")
        self.history = History(self.client, revisions, self.kind, HASH_LABEL)
        self.expectations = Expectations(self.clock)
        self.backoff = Backoff()

    def size(self, owner: Obj) -> int:
        return int(owner.get("status", {}).get("desiredNumberScheduled") or 0)

    def what_counts(self, pod: Obj) -> object:
        return pods.phase(pod), pods.is_ready(pod), pods.ready_since(pod), pod["spec"].get("nodeName")

    def pod_created(self, owner: Obj, pod: Obj) -> None:
        self.expectations.creation_observed(key(owner))

    def pod_deleted(self, owner: Obj, pod: Obj) -> None:
        self.expectations.deletion_observed(key(owner), uid(pod))

    def owner_deleted(self, owner: Obj) -> None:
        super().owner_deleted(owner)
        self.expectations.forget(key(owner))
        self.backoff.forget(uid(owner))

    # ------------------------------------------------------------------ nodes

    def _node_changed(self, node: Obj) -> None:
        """A node that is new or gone concerns whoever has, or wants, a pod there."""
        for owner in self.owners.list():
            if placement.fits(owner, node)[1]:
                self.queue.add(key(owner), cause_of(node))

    def _node_updated(self, old: Obj, new: Obj) -> None:
        if labels_of(old) == labels_of(new) and _taints(old) == _taints(new):
            return
        for owner in self.owners.list():
            if placement.fits(owner, old) != placement.fits(owner, new):
                self.queue.add(key(owner), cause_of(new))

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        owner = self.owners.by_key(object_key)
        if owner is None:
            self.expectations.forget(object_key)
            return None
        if is_deleting(owner):
            return None
        if self.written.is_stale(object_key, self.owners):
            return RETRY_SECONDS
        if not owner["spec"].get("selector"):
            text = "This daemon set is selecting all pods. A non-empty selector is required."
            self.recorder.warning(owner, "SelectingAll", text)
            return None
        known = self.history.of(owner, self.selector(owner))
        before = int(owner.get("status", {}).get("collisionCount") or 0)
        revision, collisions = self.history.current(owner, known, before)
        if collisions != before:
            owner = {**owner, "status": {**(owner.get("status") or {}), "collisionCount": collisions}}
        hash_ = labels_of(revision)[HASH_LABEL]
        ready_to_act = self.expectations.satisfied(object_key)
        members = self._members(owner)
        wait, failure = self._act(owner, members, hash_) if ready_to_act else (None, None)
        self._write_status(owner, members, hash_, observed=ready_to_act)
        used = {labels_of(p).get(HASH_LABEL) for p in members}
        live = {name(revision)} | {name(r) for r in known if labels_of(r).get(HASH_LABEL) in used}
        limit = owner["spec"].get("revisionHistoryLimit")
        self.history.trim(known, live, None if limit is None else int(limit))
        if failure is not None:
            raise failure
        ripe = decisions.next_check(owner, members, self.clock.now())
        times = (wait, ripe, self.expectations.expires_in(object_key))
        return min((t for t in times if t), default=None)

    def _members(self, owner: Obj) -> Objects:
        mine = ownership.owned(self.pods, uid(owner))
        claims = ownership.RefManager(self.client, self.kind, owner, self.pods.kind, self.selector(owner))
        return claims.claim(mine + ownership.orphans(self.pods, namespace(owner)))

    def _act(self, owner: Obj, members: Objects, hash_: str) -> tuple[float | None, ApiError | None]:
        """(seconds until a pod that has ended may be replaced, the first error)."""
        now, nodes = self.clock.now(), self.nodes.list()
        nodes.sort(key=name)
        plan = decisions.manage(owner, nodes, members, hash_, now)
        wait = self._hold_back(owner, plan)
        if plan.is_empty and decisions.is_rolling(owner):
            plan = decisions.roll(owner, nodes, members, hash_, now)
        return wait, self._carry_out(owner, plan, hash_)

    def _hold_back(self, owner: Obj, plan: Plan) -> float | None:
        """Take pods that have ended out of the plan when their like was deleted just now; tell of the others."""
        now, waits = self.clock.monotonic(), []
        for pod in plan.ended:
            generation = (owner.get("status") or {}).get("observedGeneration")
            place = f"{uid(owner)}/{generation}/{placement.target(pod)}"
            about = f"daemon pod {namespace(pod)}/{name(pod)} on node {placement.target(pod)}"
            if pods.phase(pod) == "Succeeded":
                text = f"Found succeeded {about}, will try to delete it"
                self.recorder.normal(owner, "SucceededDaemonPod", text)
                continue
            left = self.backoff.remaining(place, now)
            if left:
                waits.append(left)
                plan.delete = [p for p in plan.delete if p is not pod]
                continue
            self.backoff.next(place, now)
            self.recorder.warning(owner, "FailedDaemonPod", f"Found failed {about}, will try to kill it")
        return min(waits, default=None)

    def _carry_out(self, owner: Obj, plan: Plan, hash_: str) -> ApiError | None:
        if plan.is_empty:
            return None
        create, doomed = plan.create[: decisions.MOST_AT_ONCE], plan.delete[: decisions.MOST_AT_ONCE]
        self.expectations.expect(key(owner), len(create), [uid(p) for p in doomed])
        whole = placement.template(owner, hash_)
        left = iter(create)

        def create_one() -> None:
            self.pod_control.create(owner, placement.for_node(whole, next(left)))

        done, failure = slow_start(len(create), create_one)
        self.expectations.creation_observed(key(owner), len(create) - done)
        if failure is not None and is_namespace_terminating(failure):
            failure = None
        for pod in doomed:
            try:
                self.pod_control.delete(owner, name(pod))
            except ApiError as e:
                self.expectations.deletion_observed(key(owner), uid(pod))
                if e.reason != "NotFound":
                    failure = failure or e
        return failure

    def _write_status(self, owner: Obj, members: Objects, hash_: str, *, observed: bool) -> None:
        fresh = decisions.status(owner, self.nodes.list(), members, hash_, self.clock.now(), observed=observed)
        cached = self.owners.by_key(key(owner)) or owner
        if fresh != cached.get("status"):
            stored = self.client.update(self.kind, {**owner, "status": fresh}, subresource="status")
            self.written.wrote(key(owner), stored)


def _taints(node: Obj) -> list[Obj]:
    return node.get("spec", {}).get("taints") or []
