"""ImageLocality: prefer nodes that hold the pod's images already, the more so the larger they are."""

from collections.abc import Sequence

from minikctl.scheduler.framework import MAX_SCORE, SKIP, CycleState, Maybe, Plugin
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NAME = "ImageLocality"
LEAST, MOST = 23 * 1024 * 1024, 1000 * 1024 * 1024
"""Bytes (a container) below which an image counts for nothing, and above which more does not matter."""


def images_of(pod: PodInfo) -> list[str]:
    spec = pod.spec
    return [
        normalized(c["image"])
        for c in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
        if c.get("image")
    ]


def normalized(image: str) -> str:
    """With the tag that is meant when none is given."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def pre_score(cycle: CycleState, pod: PodInfo, _nodes: Sequence[NodeInfo]) -> Maybe:
    """How widely each image is spread: what is everywhere should not decide."""
    if not cycle.cache.images:
        return SKIP
    nodes = cycle.cache.nodes
    wanted = images_of(pod)
    cycle.notes[NAME] = {i: sum(1 for n in nodes if i in n.images) / len(nodes) for i in set(wanted)}
    return None


def score(cycle: CycleState, pod: PodInfo, node: NodeInfo) -> int:
    if not node.images:
        return 0
    wanted, spread = images_of(pod), cycle.notes[NAME]
    total = sum(int(node.images[i] * spread[i]) for i in wanted if i in node.images)
    most = MOST * len(wanted)
    total = min(max(total, LEAST), most)
    return MAX_SCORE * (total - LEAST) // (most - LEAST) if most > LEAST else 0


PLUGIN = Plugin(NAME, order=170, weight=1, pre_score=pre_score, score=score)
