"""pod-garbage-collector: removes pods that no kubelet will ever finish.

* pods of a node that does not exist (any more), after 40 seconds and a look at the server
* pods being deleted that were never assigned to a node
* pods being deleted on a node that is not ready and has the taint `node.kubernetes.io/out-of-service`
* the oldest of the pods that have ended, when there are more of them than `terminated-pod-gc-threshold` (12,500)

Source: concept "Pod Lifecycle" (garbage collection of pods), Kubernetes `pkg/controller/podgc`.
"""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.errors import ApiError
from minikctl.api.meta import (
    Obj,
    Objects,
    condition_is,
    find_condition,
    generation,
    is_deleting,
    key,
    name,
    namespace,
    timestamp,
    uid,
)
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods
from minikctl.controllers.node_lifecycle import BY_NODE, by_node

QUARANTINE_SECONDS, PERIOD_SECONDS = 40.0, 20.0
MOST_ENDED = 12_500
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
ENDED = "all that have ended"
"""The key of the look at them."""


class PodGarbageCollector(Controller):
    name = "pod-garbage-collector"

    most_ended = MOST_ENDED

    def setup(self) -> None:
        self._missing_since: dict[str, float] = {}
        self._ended: set[str] = set()
        self.nodes = self.watch("nodes", self._node_seen, on_update=self._node_changed, on_delete=self._node_gone)
        self.pods = self.watch("pods", self._pod_changed, on_delete=self._pod_gone)
        self.pods.add_indexer(BY_NODE, by_node)

    def _node_seen(self, node: Obj) -> None:
        self._missing_since.pop(name(node), None)
        self._node_changed(node, node)

    def _node_changed(self, _old: Obj, node: Obj) -> None:
        if is_out_of_service(node):
            self._look_at(node, (p for p in self.pods.by_index(BY_NODE, name(node)) if is_deleting(p)))

    def _node_gone(self, node: Obj) -> None:
        self._look_at(node, self.pods.by_index(BY_NODE, name(node)))

    def _look_at(self, node: Obj, its_pods: Iterable[Obj]) -> None:
        for pod in its_pods:
            self.queue.add(key(pod), cause_of(node))

    def _pod_changed(self, pod: Obj) -> None:
        if pods.is_terminal(pod):
            self._ended.add(key(pod))
            if len(self._ended) > self.most_ended:
                self.queue.add_after(ENDED, PERIOD_SECONDS, cause_of(pod))
        else:
            self._ended.discard(key(pod))
        its_node = pod.get("spec", {}).get("nodeName")
        node = self.nodes.get(its_node) if its_node else None
        if (its_node and node is None) or (is_deleting(pod) and (node is None or is_out_of_service(node))):
            self.queue.add(key(pod), cause_of(pod))

    def _pod_gone(self, pod: Obj) -> None:
        self._ended.discard(key(pod))

    def sync(self, object_key: str) -> float | None:
        if object_key == ENDED:
            for pod in too_many(self.pods.list(), self.most_ended):
                self._delete(pod)
            return None
        pod = self.pods.by_key(object_key)
        return self._sync_pod(pod) if pod is not None else None

    def _sync_pod(self, pod: Obj) -> float | None:
        its_node = pod.get("spec", {}).get("nodeName")
        node = self.nodes.get(its_node) if its_node else None
        if not its_node or node is not None:
            if is_deleting(pod) and (node is None or is_out_of_service(node)):
                self._delete(pod)
            return None
        since = self._missing_since.setdefault(its_node, self.clock.monotonic())
        left = since + QUARANTINE_SECONDS - self.clock.monotonic()
        if left > 0:
            return left
        if not self._exists(its_node):
            self._delete(pod, orphaned=True)
        return None

    def _exists(self, node: str) -> bool:
        try:
            self.client.get("nodes", node)
        except ApiError as e:
            if e.reason == "NotFound":
                return False
            raise
        return True

    def _delete(self, pod: Obj, *, orphaned: bool = False) -> None:
        """Fail what has not ended, so that whoever counts its end sees one; then delete it at once."""
        if not pods.is_terminal(pod):
            status = failed(pod, timestamp(self.clock.now()), orphaned=orphaned)
            pod = self.client.update("pods", {**pod, "status": status}, subresource="status")
        try:
            options = DeleteOptions(grace_period=0, uid=uid(pod))
            self.client.delete("pods", name(pod), namespace(pod), options=options)
        except ApiError as e:
            if e.reason != "NotFound":
                raise


def is_out_of_service(node: Obj) -> bool:
    """Whether somebody has said of a node that is not ready that it will not come back as it was. Pure."""
    return not condition_is(node, "Ready") and any(
        t.get("key") == OUT_OF_SERVICE for t in (node.get("spec") or {}).get("taints") or []
    )


def too_many(all_pods: Iterable[Obj], most: int) -> Objects:
    """Which of the pods that have ended are to go: first those that were evicted, then the oldest. Pure."""
    ended = [p for p in all_pods if pods.is_terminal(p)]
    if len(ended) <= most:
        return []

    def age(pod: Obj) -> tuple[bool, str, str]:
        evicted = (pod["status"].get("phase"), pod["status"].get("reason")) == ("Failed", "Evicted")
        return not evicted, pod["metadata"].get("creationTimestamp") or "", name(pod)

    return sorted(ended, key=age)[: len(ended) - most]


def failed(pod: Obj, now: str, *, orphaned: bool = True) -> Obj:
    """The status of a pod that is given up; one whose node is gone is told so. Pure."""
    status = pod.get("status", {})
    if not orphaned:
        return {**status, "phase": "Failed"}
    disrupted: Obj = {"type": "DisruptionTarget"}
    if generation(pod):
        disrupted["observedGeneration"] = generation(pod)
    disrupted |= {
        "status": "True",
        "lastTransitionTime": now,
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
    }
    known = status.get("conditions") or []
    others = [c for c in known if c is not find_condition(known, "DisruptionTarget")]
    return {**status, "phase": "Failed", "conditions": [*others, disrupted]}


CONTROLLER = PodGarbageCollector
