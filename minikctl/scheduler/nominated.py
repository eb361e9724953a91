"""Waiting pods for which room was made on a node: others must not take it from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from minikctl.scheduler.node_info import PodInfo


class Nominated(Mapping[str, Sequence[PodInfo]]):
    """Node name → pods. Owned by the scheduling loop: not thread-safe."""

    def __init__(self) -> None:
        self._nodes: dict[str, str] = {}
        self._by_node: dict[str, dict[str, PodInfo]] = {}

    def __getitem__(self, node: str) -> Sequence[PodInfo]:
        return list(self._by_node[node].values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_node)

    def __len__(self) -> int:
        return len(self._by_node)

    def node_of(self, uid: str) -> str:
        """`""` when the pod has none."""
        return self._nodes.get(uid, "")

    def set(self, pod: PodInfo, node: str) -> None:
        self.remove(pod.uid)
        if node:
            self._nodes[pod.uid] = node
            self._by_node.setdefault(node, {})[pod.uid] = pod

    def remove(self, uid: str) -> None:
        node = self._nodes.pop(uid, None)
        if node is not None:
            pods = self._by_node[node]
            del pods[uid]
            if not pods:
                del self._by_node[node]
