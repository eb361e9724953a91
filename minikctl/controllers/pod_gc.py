"""pod-garbage-collector: removes pods that no kubelet will ever finish.

* pods of a node that does not exist (any more), after 40 seconds and a look at the server
* pods being deleted that were never assigned to a node

Source: Kubernetes `pkg/controller/podgc`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, find_condition, generation, is_deleting, name, namespace, timestamp, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods
from minikctl.controllers.node_lifecycle import BY_NODE, by_node

QUARANTINE_SECONDS = 40.0


class PodGarbageCollector(Controller):
    name = "pod-garbage-collector"

    def setup(self) -> None:
        self._missing_since: dict[str, float] = {}
        self.nodes = self.watch("nodes", self._node_seen, on_update=lambda _o, _n: None, on_delete=self._node_gone)
        self.pods = self.watch("pods", self._pod_changed, on_delete=lambda _pod: None)
        self.pods.add_indexer(BY_NODE, by_node)

    def _node_seen(self, node: Obj) -> None:
        self._missing_since.pop(name(node), None)

    def _node_gone(self, node: Obj) -> None:
        for pod in self.pods.by_index(BY_NODE, name(node)):
            self.queue.add(_key(pod), cause_of(node))

    def _pod_changed(self, pod: Obj) -> None:
        node = pod.get("spec", {}).get("nodeName")
        lost = node and self.nodes.get(node) is None
        if lost or (is_deleting(pod) and not node):
            self.queue.add(_key(pod), cause_of(pod))

    def sync(self, object_key: str) -> float | None:
        pod = self.pods.by_key(object_key)
        if pod is None:
            return None
        node = pod.get("spec", {}).get("nodeName")
        if not node:
            if is_deleting(pod):
                self._delete(pod)
            return None
        if self.nodes.get(node) is not None:
            return None
        since = self._missing_since.setdefault(node, self.clock.monotonic())
        left = since + QUARANTINE_SECONDS - self.clock.monotonic()
        if left > 0:
            return left
        if not self._exists(node):
            self._delete(pod)
        return None

    def _exists(self, node: str) -> bool:
        try:
            self.client.get("nodes", node)
        except ApiError as e:
            if e.reason == "NotFound":
                return False
            raise
        return True

    def _delete(self, pod: Obj) -> None:
        """Fail what has not ended, so that whoever counts its end sees one; then delete it at once."""
        if not pods.is_terminal(pod):
            status = failed(pod, timestamp(self.clock.now()))
            pod = self.client.update("pods", {**pod, "status": status}, subresource="status")
        self.client.delete("pods", name(pod), namespace(pod), options=DeleteOptions(grace_period=0, uid=uid(pod)))


def failed(pod: Obj, now: str) -> Obj:
    """The status of a pod that is given up; one that had a node is told which way. Pure."""
    status = pod.get("status", {})
    if not pod.get("spec", {}).get("nodeName"):
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


def _key(pod: Obj) -> str:
    return f"{namespace(pod)}/{name(pod)}"


CONTROLLER = PodGarbageCollector
