"""One decision: the best node for a pod. No clock, no I/O; the only chance in it is among equally good nodes.

Source: kube-scheduler `schedule_one.go` (schedulePod).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from minikctl.scheduler.diagnosis import Diagnosis, FitError
from minikctl.scheduler.framework import Code, CycleState, Framework, Status
from minikctl.scheduler.node_info import NodeInfo, PodInfo
from minikctl.scheduler.preemption import why_not

MIN_FEASIBLE_NODES = 100
_LEAST_PERCENT = 5


class PluginFailure(Exception):
    """A plugin could not answer (Code.ERROR)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The node, and where in the list of nodes the next search shall begin.

    How it came about: the nodes that fit with their totals and, by plugin, the parts of these; why others do not fit.
    """

    node: str
    next_start: int
    nodes: Sequence[str]
    totals: Sequence[int]
    scores: Mapping[str, Sequence[int]]
    rejected: Mapping[str, Status]


def feasible_nodes_wanted(nodes: int) -> int:
    """How many fitting nodes are enough, so that large clusters are not searched whole for each pod."""
    if nodes <= MIN_FEASIBLE_NODES:
        return nodes
    percent = max(50 - nodes // 125, _LEAST_PERCENT)
    return max(nodes * percent // 100, MIN_FEASIBLE_NODES)


def choose(framework: Framework, cycle: CycleState, pod: PodInfo, start: int, rng: random.Random) -> Choice:
    """Find the nodes that fit and take the best. Raises FitError, PluginFailure."""
    nodes = cycle.cache.nodes
    cycle.framework = framework
    if not nodes:
        raise FitError(Diagnosis(0), frozenset())
    rejected = framework.pre_filter(cycle, pod)
    if rejected is not None:
        if rejected.code is Code.ERROR:
            raise PluginFailure(_failure("PreFilter", rejected))
        diagnosis = Diagnosis(len(nodes), pre_filter=", ".join(rejected.reasons))
        diagnosis.statuses = dict.fromkeys((n.name for n in nodes), rejected)
        raise _with_post_filter(framework, cycle, pod, diagnosis)
    diagnosis = Diagnosis(len(nodes))
    candidates = _candidates(cycle, nodes, diagnosis)
    fitting = _nominated(framework, cycle, pod, candidates)
    looked_at = 0
    if not fitting:
        fitting, looked_at = _fitting(framework, cycle, pod, candidates, start, diagnosis)
    if not fitting:
        raise _with_post_filter(framework, cycle, pod, diagnosis)
    next_start = (start + looked_at) % len(nodes)
    names = [n.name for n in fitting]
    if len(fitting) == 1:
        return Choice(names[0], next_start, names, (), {}, diagnosis.statuses)
    table: dict[str, list[int]] = {}
    totals = framework.scores(cycle, pod, fitting, table)
    best = max(totals)
    node = rng.choice([n for n, s in zip(names, totals) if s == best])
    return Choice(node, next_start, names, totals, table, diagnosis.statuses)


def _nominated(framework: Framework, cycle: CycleState, pod: PodInfo, candidates: Sequence[NodeInfo]) -> list[NodeInfo]:
    """The node on which room was made for the pod, if it fits there now: no other is looked at."""
    name = pod.nominated
    node = cycle.cache.node(name) if name else None
    if node is None or (cycle.only_nodes and node not in candidates):
        return []
    return [node] if _ask(framework.filters(cycle), cycle, pod, node) is None else []


def _candidates(cycle: CycleState, nodes: Sequence[NodeInfo], diagnosis: Diagnosis) -> Sequence[NodeInfo]:
    """The nodes that PreFilter left in question."""
    if not cycle.only_nodes:
        return nodes
    names = frozenset.intersection(*cycle.only_nodes.values())
    plugins = " ".join(sorted(cycle.only_nodes))
    diagnosis.absent = f"node(s) didn't satisfy plugin(s) [{plugins}]"
    found = [node for name in names if (node := cycle.cache.node(name))]
    if not names:
        diagnosis.pre_filter = f"{diagnosis.absent} simultaneously"
    return found


def _fitting(
    framework: Framework,
    cycle: CycleState,
    pod: PodInfo,
    nodes: Sequence[NodeInfo],
    start: int,
    diagnosis: Diagnosis,
) -> tuple[list[NodeInfo], int]:
    """Nodes that pass all filters, beginning at `start`, and how many were looked at."""
    filters = framework.filters(cycle)
    wanted = feasible_nodes_wanted(len(nodes))
    fitting: list[NodeInfo] = []
    statuses: dict[str, Status] = {}
    looked_at = 0
    offset = start % len(nodes) if nodes else 0
    for node in [*nodes[offset:], *nodes[:offset]]:
        looked_at += 1
        status = _ask(filters, cycle, pod, node)
        if status is not None:
            statuses[node.name] = status
            continue
        fitting.append(node)
        if len(fitting) >= wanted:
            break
    diagnosis.statuses = statuses
    return fitting, looked_at


_Filters = Sequence[tuple[str, Callable[[CycleState, PodInfo, NodeInfo], Status | None]]]


def _ask(filters: _Filters, cycle: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
    """Ask the filters until one refuses: with the pods in place that room was made for, and without them."""
    if cycle.nominated and cycle.nominated.get(node.name):
        status = why_not(cycle, pod, node)
        if status is not None:
            return status
    for name, ask in filters:
        status = ask(cycle, pod, node)
        if status is not None:
            if status.code is Code.ERROR:
                raise PluginFailure(_failure("Filter", status.by(name)))
            return status.by(name)
    return None


def _with_post_filter(framework: Framework, cycle: CycleState, pod: PodInfo, diagnosis: Diagnosis) -> FitError:
    plugins = diagnosis.plugins | frozenset(cycle.only_nodes)
    nominated, diagnosis.post_filter = framework.post_filter(cycle, pod, diagnosis.statuses)
    return FitError(diagnosis, plugins, nominated)


def _failure(point: str, status: Status) -> str:
    return f'running {point} plugin "{status.plugin}": {", ".join(status.reasons)}'
