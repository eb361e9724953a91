"""taint-eviction-controller: pods leave nodes with NoExecute taints that they do not tolerate, or not for ever.

A pod that tolerates every such taint of its node stays for the shortest of its tolerationSeconds, counted from when
the taint was added, as far as it says so, else from when this controller noticed; without any, for good. Source: concept "Taints and Tolerations" (taint based evictions),
Kubernetes `pkg/controller/tainteviction`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, find_condition, generation, is_deleting, key, name, namespace, timestamp, uid
from minikctl.api.scheduling import tolerates
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods
from minikctl.controllers.common.taints import no_execute
from minikctl.controllers.node_lifecycle import BY_NODE, by_node


class TaintEvictionController(Controller):
    name = "taint-eviction-controller"

    def setup(self) -> None:
        self._marked: dict[str, datetime] = {}
        """Uids of pods whose time runs, and since when."""
        self.nodes = self.watch("nodes", self._node_changed, on_update=self._node_updated, on_delete=lambda _node: None)
        self.pods = self.watch("pods", self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_gone)
        self.pods.add_indexer(BY_NODE, by_node)

    def _node_changed(self, node: Obj) -> None:
        if no_execute(node):
            self._pods_of(node)

    def _node_updated(self, old: Obj, new: Obj) -> None:
        if no_execute(old) != no_execute(new):
            self._pods_of(new)

    def _pods_of(self, node: Obj) -> None:
        for pod in self.pods.by_index(BY_NODE, name(node)):
            self.queue.add(key(pod), cause_of(node))

    def _pod_changed(self, pod: Obj) -> None:
        node = self.nodes.get(pod["spec"].get("nodeName") or "")
        if node is not None and no_execute(node):
            self.enqueue(pod)

    def _pod_updated(self, old: Obj, new: Obj) -> None:
        if by_node(old) != by_node(new) or old["spec"].get("tolerations") != new["spec"].get("tolerations"):
            self._pod_changed(new)

    def _pod_gone(self, pod: Obj) -> None:
        self._marked.pop(uid(pod), None)

    def sync(self, object_key: str) -> float | None:
        pod = self.pods.by_key(object_key)
        if pod is None or is_deleting(pod) or pods.is_terminal(pod):
            return None
        node = self.nodes.get(pod["spec"].get("nodeName") or "")
        now = self.clock.now()
        noticed = self._marked.get(uid(pod), now)
        left = seconds_left(no_execute(node) if node else [], pod["spec"].get("tolerations") or [], now, noticed)
        if left is None:
            if self._marked.pop(uid(pod), None) is not None:
                text = f"Cancelling deletion of Pod {object_key}"
                self.recorder.normal(pod, "TaintManagerEviction", text)
            return None
        if left > 0:
            self._marked[uid(pod)] = noticed
            return left
        self._delete(pod)
        return None

    def _delete(self, pod: Obj) -> None:
        self._marked.pop(uid(pod), None)
        self.recorder.normal(pod, "TaintManagerEviction", f"Marking for deletion Pod {key(pod)}")
        try:
            status = disrupted(pod, timestamp(self.clock.now()))
            self.client.update("pods", {**pod, "status": status}, subresource="status")
            self.client.delete("pods", name(pod), namespace(pod), options=DeleteOptions(uid=uid(pod)))
        except ApiError as e:
            if e.reason != "NotFound":
                raise


def seconds_left(
    taints: Iterable[Obj], tolerations: list[Obj], now: datetime, noticed: datetime | None = None
) -> float | None:
    """How long a pod may stay: 0 or less when it must go, None for ever. noticed: when a taint was added that does not
    tell. Pure."""
    shortest: float | None = None
    for taint in taints:
        covering = next((t for t in tolerations if tolerates(t, taint)), None)
        if covering is None:
            return 0.0
        if covering.get("tolerationSeconds") is None:
            continue
        added = parse_time(taint["timeAdded"]) if taint.get("timeAdded") else noticed or now
        left = max(0, covering["tolerationSeconds"]) - (now - added).total_seconds()
        shortest = left if shortest is None else min(shortest, left)
    return shortest


def disrupted(pod: Obj, now: str) -> Obj:
    """The status of a pod that is driven away. Pure."""
    added: Obj = {"type": "DisruptionTarget"}
    if generation(pod):
        added["observedGeneration"] = generation(pod)
    added |= {
        "status": "True",
        "lastTransitionTime": now,
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
    }
    status = pod.get("status") or {}
    known = status.get("conditions") or []
    return {**status, "conditions": [*(c for c in known if c is not find_condition(known, added["type"])), added]}


CONTROLLER = TaintEvictionController
