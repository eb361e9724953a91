"""The controller: what concerns a Deployment, and the decision list of its sync.

Source: Kubernetes `pkg/controller/deployment/deployment_controller.go`.
"""

from __future__ import annotations

from minikctl.api.meta import (
    Obj,
    Objects,
    controller_of,
    generation,
    is_deleting,
    key,
    labels_of,
    namespace,
    uid,
)
from minikctl.client.informer import Handler
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import ownership
from minikctl.controllers.deployment import limits, recreate, rolling, scaling
from minikctl.controllers.deployment.rollout import Rollout


class DeploymentController(Controller):
    name = "deployment-controller"

    def setup(self) -> None:
        self.deployments = self.watch("deployments.apps")
        self.replica_sets = self.informers.informer("replicasets.apps")
        self.pods = self.watch_deletions("pods", self._pod_deleted)
        ownership.index(self.replica_sets)
        ownership.index(self.pods)
        self.replica_sets.add_handler(Handler(self._rs_added, self._rs_updated, self._rs_deleted))

    def sync(self, object_key: str) -> float | None:
        deployment = self.deployments.by_key(object_key)
        if deployment is None:
            return None
        if selects_everything(deployment):
            self._refuse(deployment)
            return None
        kinds = (self.deployments.kind, self.replica_sets.kind)
        rollout = Rollout(self.client, self.recorder, kinds, deployment, self.clock.now())
        claimed = self._claim(deployment)
        if is_deleting(deployment):
            rollout.find_replica_sets(claimed)
            return rollout.report_counts()
        rollout.note_pause()
        rollout.find_replica_sets(claimed)
        if limits.is_paused(deployment) or scaling.is_scaling_event(deployment, rollout.all):
            return scaling.run(rollout)
        if limits.is_rolling(deployment):
            return rolling.run(rollout)
        return recreate.run(rollout, self._pods_of(rollout.all))

    def _refuse(self, deployment: Obj) -> None:
        text = "This deployment is selecting all pods. A non-empty selector is required."
        self.recorder.warning(deployment, "SelectingAll", text)
        status = deployment.get("status", {})
        if (status.get("observedGeneration") or 0) < generation(deployment):
            seen = {**deployment, "status": {**status, "observedGeneration": generation(deployment)}}
            self.client.update(self.deployments.kind, seen, subresource="status")

    def _claim(self, deployment: Obj) -> Objects:
        """The Deployment's ReplicaSets, orphans adopted and strangers released."""
        kinds = self.deployments.kind, self.replica_sets.kind
        selector = ownership.selector_of(deployment)
        manager = ownership.RefManager(self.client, kinds[0], deployment, kinds[1], selector)
        mine = ownership.owned(self.replica_sets, uid(deployment))
        return manager.claim(mine + ownership.orphans(self.replica_sets, namespace(deployment)))

    def _pods_of(self, sets: Objects) -> Objects:
        return [pod for rs in sets for pod in ownership.owned(self.pods, uid(rs))]

    # ------------------------------------------------------------------ what changed

    def _enqueue_owner(self, rs: Obj, because: Obj) -> None:
        if (deployment := ownership.owner_in(self.deployments, rs)) is not None:
            self.queue.add(key(deployment), cause_of(because))

    def _enqueue_adopters(self, rs: Obj) -> None:
        for deployment in ownership.would_adopt(self.deployments.list(namespace(rs)), rs):
            self.queue.add(key(deployment), cause_of(rs))

    def _rs_added(self, rs: Obj) -> None:
        if controller_of(rs) is not None or is_deleting(rs):
            self._enqueue_owner(rs, rs)
        else:
            self._enqueue_adopters(rs)

    def _rs_updated(self, old: Obj, new: Obj) -> None:
        before, after = controller_of(old), controller_of(new)
        if before != after:
            self._enqueue_owner(old, new)
        if after is not None:
            self._enqueue_owner(new, new)
        elif before != after or labels_of(old) != labels_of(new):
            self._enqueue_adopters(new)

    def _rs_deleted(self, rs: Obj) -> None:
        self._enqueue_owner(rs, rs)

    def _pod_deleted(self, pod: Obj) -> None:
        """Recreate waits for the last old pod to be gone, which no ReplicaSet's counts tell."""
        rs = ownership.owner_in(self.replica_sets, pod)
        deployment = ownership.owner_in(self.deployments, rs) if rs is not None else None
        if deployment is None or limits.is_rolling(deployment):
            return
        if not self._pods_of(ownership.owned(self.replica_sets, uid(deployment))):
            self.queue.add(key(deployment), cause_of(pod))


def selects_everything(deployment: Obj) -> bool:
    selector = deployment["spec"].get("selector")
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))
