"""node-controller: notices nodes whose kubelet has fallen silent, and taints nodes by their conditions.

A kubelet renews its node's Lease every 10 seconds. When this controller has seen neither a renewal nor a status for 40
seconds, the node's conditions turn Unknown and its pods lose their Ready condition, so that no Service sends anything
there. The kubelet sets both right when it comes back. Time counts from what this controller has seen: after its own restart every node
gets the full 40 seconds.

Every condition that is not as it should be becomes a NoSchedule taint; a node that is not ready or cannot be reached
gets a NoExecute taint, too, which drives its pods away (taint_eviction.py): one node of a zone in ten seconds, fewer or
none while much of the zone is down (common/zones.py), and none at all when no node is ready: then it is the cluster that
is ill, and there is nowhere to go. Source: Kubernetes `pkg/controller/nodelifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition, find_condition, is_deleting, name, namespace, timestamp
from minikctl.api.scheduling import NO_EXECUTE
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods, taints, zones

GRACE_SECONDS = 40.0
LEASES = "kube-node-lease"
BY_NODE = "node"
_KUBELETS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
"""The conditions that a kubelet keeps up to date."""


@dataclass(slots=True)
class _Sign:
    """The last renewal seen, and when it was seen."""

    renewed: str
    seen: float


class NodeLifecycleController(Controller):
    name = "node-controller"

    def setup(self) -> None:
        self._signs: dict[str, _Sign] = {}
        self._turns: dict[str, zones.Limiter] = {}
        """By zone."""
        self.nodes = self.watch("nodes", on_update=self._node_updated, on_delete=self._node_gone)
        self.leases = self.watch("leases", self._renewed, on_delete=lambda _lease: None)
        self.pods = self.informers.informer("pods", indexers={BY_NODE: by_node})

    # ------------------------------------------------------------------ signs of life

    def _renewed(self, lease: Obj) -> None:
        if namespace(lease) == LEASES:
            self._note(name(lease), str(lease.get("spec", {}).get("renewTime") or ""))

    def _note(self, node: str, renewed: str) -> None:
        known = self._signs.get(node)
        if known is None or known.renewed != renewed:
            self._signs[node] = _Sign(renewed, self.clock.monotonic())

    def _node_updated(self, old: Obj, new: Obj) -> None:
        if _heartbeat(old) != _heartbeat(new):
            known = self._signs.get(name(new))
            self._signs[name(new)] = _Sign(known.renewed if known else "", self.clock.monotonic())
        if taints.any_ready([old]) != taints.any_ready([new]):
            self._ready_changed(new)
        elif _concerns(old) != _concerns(new):
            self.queue.add(name(new), cause_of(new))

    def _ready_changed(self, node: Obj) -> None:
        """While hardly any node is ready, evictions may begin everywhere, or must stop."""
        self.queue.add(name(node), cause_of(node))
        ready = (n for n in self.nodes.list() if taints.any_ready([n]))
        if len(list(islice(ready, 3))) < 3:
            self._all(node)

    def _node_gone(self, node: Obj) -> None:
        self._signs.pop(name(node), None)
        self._ready_changed(node)

    def _all(self, because: Obj) -> None:
        for node in self.nodes.list():
            self.queue.add(name(node), cause_of(because))

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        node = self.nodes.by_key(object_key)
        if node is None:
            return None
        sign = self._signs.setdefault(object_key, _Sign("", self.clock.monotonic()))
        left = sign.seen + GRACE_SECONDS - self.clock.monotonic()
        if left > 0:
            return min(left, self._taint(node))
        fresh = unknown_conditions(node, timestamp(self.clock.now()))
        if fresh is not None:
            was_ready = (condition(node, "Ready") or {}).get("status") == "True"
            node = self.client.update("nodes", {**node, "status": fresh}, subresource="status")
            if was_ready:
                self.recorder.normal(node, "NodeNotReady", f"Node {object_key} status is now: NodeNotReady")
        wait = self._taint(node)
        self._mark_pods(object_key)
        return min(GRACE_SECONDS, wait)

    def _taint(self, node: Obj) -> float:
        """Seconds until the node's turn to be evicted, if it waits for one."""
        evict, wait = self._may_evict(node)
        fresh = taints.with_taints(node, timestamp(self.clock.now()), evict=evict)
        if fresh is not None:
            spec = {k: v for k, v in node["spec"].items() if k != "taints"} | ({"taints": fresh} if fresh else {})
            self.client.update("nodes", {**node, "spec": spec})
        return wait

    def _may_evict(self, node: Obj) -> tuple[bool, float]:
        """Whether the node may have a NoExecute taint, and when to ask again. One that has it keeps it, unless no node
        at all is ready."""
        others = [node, *(n for n in self.nodes.list() if name(n) != name(node))]
        if not taints.any_ready(others):
            return False, GRACE_SECONDS
        present = any(taints.is_own(t) for t in taints.no_execute(node))
        if present or not any(effect == NO_EXECUTE for _, effect in taints.wanted(node, evict=True)):
            return True, GRACE_SECONDS
        zone, now = zones.zone_of(node), self.clock.monotonic()
        wait = self._turns.setdefault(zone, zones.Limiter(now)).wait(zones.rates(others).get(zone, 0.0), now)
        return wait == 0.0, GRACE_SECONDS if wait is None else wait or GRACE_SECONDS

    def _mark_pods(self, node: str) -> None:
        now = timestamp(self.clock.now())
        for pod in self.pods.by_index(BY_NODE, node):
            fresh = not_ready(pod, now)
            if fresh is None:
                continue
            try:
                self.client.update("pods", {**pod, "status": fresh}, subresource="status")
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
            self.recorder.warning(pod, "NodeNotReady", "Node is not ready")


def _concerns(node: Obj) -> object:
    """What of a node this controller reacts to; a heartbeat is not among it."""
    spec, found = node.get("spec") or {}, (node.get("status") or {}).get("conditions") or []
    return spec.get("taints"), spec.get("unschedulable"), [(c.get("type"), c.get("status")) for c in found]


def _heartbeat(node: Obj) -> object:
    return (condition(node, "Ready") or {}).get("lastHeartbeatTime")


def by_node(pod: Obj) -> list[str]:
    node = pod.get("spec", {}).get("nodeName")
    return [node] if node else []


def unknown_conditions(node: Obj, now: str) -> Obj | None:
    """The status of a node that has fallen silent; None when it says so already. Pure."""
    status = node.get("status", {})
    known = status.get("conditions") or []
    fresh = []
    for kind in _KUBELETS:
        before = find_condition(known, kind)
        if before is not None and before.get("status") == "Unknown":
            continue
        never = before is None
        fresh.append(
            {
                "type": kind,
                "status": "Unknown",
                "lastHeartbeatTime": node["metadata"].get("creationTimestamp")
                if before is None
                else before.get("lastHeartbeatTime"),
                "lastTransitionTime": now,
                "reason": "NodeStatusNeverUpdated" if never else "NodeStatusUnknown",
                "message": "Kubelet never posted node status." if never else "Kubelet stopped posting node status.",
            }
        )
    if not fresh:
        return None
    changed = {c["type"]: c for c in fresh}
    kept = [changed.pop(c.get("type", ""), c) for c in known]
    return {**status, "conditions": [*kept, *changed.values()]}


def not_ready(pod: Obj, now: str) -> Obj | None:
    """The status of a pod whose node has fallen silent; None when nothing is to be changed. Pure."""
    if pods.is_terminal(pod) or not pods.is_ready(pod) or is_deleting(pod):
        return None
    status = pod["status"]
    changed = [
        {**c, "status": "False", "lastTransitionTime": now} if c.get("type") == "Ready" else c
        for c in status["conditions"]
    ]
    return {**status, "conditions": changed}


CONTROLLER = NodeLifecycleController
