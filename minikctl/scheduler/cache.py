"""What the scheduler knows of the cluster: nodes, the pods on them, and the pods that it has just sent there.

Owned by the scheduling loop, which applies changes between two decisions; so during one decision it is a snapshot,
without copying anything. An assumed pod counts as placed from the decision on, before the API server has confirmed it;
the confirmed pod takes its place, `forget` takes it back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from minikctl.api.meta import Obj
from minikctl.api.selectors import Selector
from minikctl.scheduler.node_info import NodeInfo, PodInfo

_REMEMBERED_SELECTORS = 128
"""A namespace."""


class Cache:
    """Not thread-safe."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._placed: dict[str, str] = {}
        self._assumed: set[str] = set()
        self._order: list[NodeInfo] | None = None
        self._counts: dict[str, OrderedDict[tuple[Selector, bool], dict[str, int]]] = {}
        self.affine_nodes: dict[str, NodeInfo] = {}
        """Nodes with pods that have affinity terms."""
        self.claim_users: Counter[str] = Counter()
        """By `namespace/name` of a claim: how many pods that have a node mount it."""
        self.soft_taints = self.images = 0
        """How many nodes have any: lets two plugins say at once that they have nothing to do."""

    # ------------------------------------------------------------------ asking

    @property
    def nodes(self) -> list[NodeInfo]:
        """All nodes, alternating between zones, so that a partial look sees all zones."""
        if self._order is None:
            self._order = _interleaved([n for n in self._nodes.values() if n.obj is not None])
        return self._order

    def node(self, name: str) -> NodeInfo | None:
        info = self._nodes.get(name)
        return info if info is not None and info.obj is not None else None

    def is_assumed(self, uid: str) -> bool:
        return uid in self._assumed

    def placed(self, uid: str) -> PodInfo | None:
        """A pod that has a node."""
        name = self._placed.get(uid)
        return self._nodes[name].pods.get(uid) if name is not None else None

    def matching(self, namespace: str, selector: Selector, *, terminating: bool = False) -> Mapping[str, int]:
        """Pods of a namespace that match, counted by node name; those being deleted count with `terminating`.

        Counted once for each (namespace, selector) and kept current from then on.
        """
        known = self._counts.setdefault(namespace, OrderedDict())
        asked = (selector, terminating)
        counts = known.get(asked)
        if counts is not None:
            known.move_to_end(asked)
            return counts
        counts = known[asked] = {}
        for name, info in self._nodes.items():
            found = sum(1 for p in info.pods.values() if p.namespace == namespace and _counts(p, asked))
            if found:
                counts[name] = found
        if len(known) > _REMEMBERED_SELECTORS:
            known.popitem(last=False)
        return counts

    # ------------------------------------------------------------------ nodes

    def set_node(self, obj: Obj) -> None:
        name: str = obj["metadata"]["name"]
        info = self._nodes.get(name)
        if info is None:
            info = self._nodes[name] = NodeInfo(name)
        fresh, before = info.obj is None, (info.labels, bool(info.soft_taints), bool(info.images))
        info.set_node(obj)
        self.soft_taints += bool(info.soft_taints) - before[1]
        self.images += bool(info.images) - before[2]
        if fresh or info.labels != before[0]:
            self._order = None

    def remove_node(self, name: str) -> None:
        """Pods still placed there are remembered until they are gone."""
        info = self._nodes.get(name)
        if info is None:
            return
        self.soft_taints -= bool(info.soft_taints)
        self.images -= bool(info.images)
        info.obj, info.soft_taints, info.images = None, [], {}
        self._order = None
        if not info.pods:
            del self._nodes[name]

    # ------------------------------------------------------------------ pods

    def assume(self, pod: PodInfo, node: str) -> None:
        self._place(pod, node)
        self._assumed.add(pod.uid)

    def forget(self, uid: str) -> None:
        """The assumed pod did not get there after all."""
        if uid in self._assumed:
            self.remove_pod(uid)

    def set_pod(self, pod: PodInfo) -> None:
        """A pod that the API server shows with a node, new or changed."""
        self._assumed.discard(pod.uid)
        self._place(pod, pod.node_name)

    def remove_pod(self, uid: str) -> PodInfo | None:
        self._assumed.discard(uid)
        name = self._placed.pop(uid, None)
        if name is None:
            return None
        info = self._nodes[name]
        pod = info.remove_pod(uid)
        if pod is not None:
            self._recount(pod, name, -1)
        if info.obj is None and not info.pods:
            del self._nodes[name]
        return pod

    def _place(self, pod: PodInfo, node: str) -> None:
        assumed = pod.uid in self._assumed
        self.remove_pod(pod.uid)
        if assumed:
            self._assumed.add(pod.uid)
        if node not in self._nodes:
            self._nodes[node] = NodeInfo(node)  # the pod was seen before its node
        self._nodes[node].add_pod(pod)
        self._placed[pod.uid] = node
        self._recount(pod, node, 1)

    @contextmanager
    def supposing(self, node: str, *, without: Iterable[PodInfo] = (), with_: Iterable[PodInfo] = ()) -> Iterator[None]:
        """For the length of a question: as if some pods were not on a node, and others were."""
        taken = [p for p in without if self._placed.get(p.uid) == node]
        assumed = {p.uid for p in taken if p.uid in self._assumed}
        for pod in taken:
            self.remove_pod(pod.uid)
        added = [p for p in with_ if p.uid not in self._placed]
        for pod in added:
            self._place(pod, node)
        try:
            yield
        finally:
            for pod in added:
                self.remove_pod(pod.uid)
            for pod in taken:
                self._place(pod, node)
            self._assumed |= assumed

    def _note_affine(self, node: str) -> None:
        info = self._nodes[node]
        if info.affine:
            self.affine_nodes[node] = info
        else:
            self.affine_nodes.pop(node, None)

    def _recount(self, pod: PodInfo, node: str, sign: int) -> None:
        for claim in pod.claims:
            self.claim_users[claim] += sign
            if not self.claim_users[claim]:
                del self.claim_users[claim]
        if pod.affinity:
            self._note_affine(node)
        for asked, counts in self._counts.get(pod.namespace, {}).items():
            if _counts(pod, asked):
                counts[node] = counts.get(node, 0) + sign
                if not counts[node]:
                    del counts[node]


def _counts(pod: PodInfo, asked: tuple[Selector, bool]) -> bool:
    return (asked[1] or not pod.terminating) and asked[0].matches(pod.labels)


def _interleaved(nodes: list[NodeInfo]) -> list[NodeInfo]:
    """One node of each zone in turn."""
    zones: dict[str, list[NodeInfo]] = {}
    for node in nodes:
        zone = node.labels.get("topology.kubernetes.io/region", "") + "/"
        zones.setdefault(zone + node.labels.get("topology.kubernetes.io/zone", ""), []).append(node)
    if len(zones) == 1:
        return nodes
    out: list[NodeInfo] = []
    for i in range(max((len(z) for z in zones.values()), default=0)):
        out += [z[i] for z in zones.values() if i < len(z)]
    return out
