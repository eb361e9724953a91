"""A decision as `minikctl why` shows it: which nodes there were, what each filter and score said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minikctl.api.meta import Obj
from minikctl.scheduler.algorithm import Choice
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import Status
from minikctl.scheduler.node_info import PodInfo

MOST_NODES = 100
"""That are told of, the best first: on large clusters the rest is only counted."""


def chosen(pod: PodInfo, attempt: int, choice: Choice, nodes: int) -> Obj:
    """A node was found; `nodes` is how many there are in all."""
    order = list(range(len(choice.nodes)))
    if choice.totals:
        order.sort(key=lambda i: (choice.nodes[i] != choice.node, -choice.totals[i]))
    order = order[:MOST_NODES]
    return {
        **_head(pod, attempt, nodes),
        "node": choice.node,
        "fitting": len(choice.nodes),
        "nodes": [choice.nodes[i] for i in order],
        "totals": [choice.totals[i] for i in order] if choice.totals else [],
        "scores": {plugin: [scores[i] for i in order] for plugin, scores in choice.scores.items()},
        "rejected": _rejected(choice.rejected.items()),
    }


def failed(pod: PodInfo, attempt: int, error: FitError) -> Obj:
    """There is no node for it."""
    found = error.diagnosis
    return {
        **_head(pod, attempt, found.nodes),
        "message": str(error),
        "nominated": error.nominated or "",
        "rejected": _rejected(found.statuses.items()),
    }


def _head(pod: PodInfo, attempt: int, nodes: int) -> Obj:
    return {"pod": pod.key, "uid": pod.uid, "attempt": attempt, "all": nodes}


def _rejected(statuses: Iterable[tuple[str, Status]]) -> Mapping[str, list[str]]:
    """Node → the plugin and its reasons."""
    return {node: [s.plugin, *s.reasons] for node, s in list(statuses)[:MOST_NODES]}
