"""Which group is to grow, and by how many nodes. Nothing is written here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj
from minikctl.cluster.autoscaler.groups import Group
from minikctl.cluster.autoscaler.simulation import FitError, Simulation
from minikctl.scheduler.node_info import PodInfo

PRIORITY_CUTOFF = -10
"""Pods of a lower priority wait for room and never make any."""
AT_MAX = "max node group size reached"

Template = Callable[[Group, str], list[Obj]]
"""A group's node under a name, followed by the daemon pods that would come with it."""


@dataclass(frozen=True, slots=True)
class Option:
    """Growing a group by `count` nodes helps `pods`; `waste` is the share of cpu and memory that would lie idle."""

    group: Group
    size: int
    count: int
    pods: tuple[PodInfo, ...]
    waste: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`helpless`: pods that nothing helps, with what to tell them."""

    option: Option | None
    helpless: tuple[tuple[PodInfo, str], ...]


def unschedulable(pods: Iterable[Obj]) -> list[PodInfo]:
    """Those that the scheduler has found no node for, the largest first."""
    found = []
    for obj in pods:
        if obj["spec"].get("nodeName") or obj["metadata"].get("deletionTimestamp"):
            continue
        conditions = (obj.get("status") or {}).get("conditions") or []
        told: Obj = next((c for c in conditions if c.get("type") == "PodScheduled"), {})
        if told.get("status") == "False" and told.get("reason") == "Unschedulable":
            pod = PodInfo(obj)
            if pod.priority >= PRIORITY_CUTOFF:
                found.append(pod)
    return sorted(found, key=lambda p: (-p.requests.get("cpu", 0), -p.requests.get("memory", 0), p.key))


def plan(
    simulation: Simulation,
    pending: Sequence[PodInfo],
    groups: Sequence[tuple[Group, int]],
    template: Template,
    expander: str,
    rng: random.Random,
) -> Plan:
    """`groups` with their sizes; the simulation has the nodes that are there and those that are on their way."""
    left = [pod for pod in pending if not _fits(simulation, pod)]
    if not left:
        return Plan(None, ())
    options: list[Option] = []
    why: dict[str, Counter[str]] = {p.uid: Counter() for p in left}
    for group, size in groups:
        option = _try(simulation, left, group, size, template, why)
        if option is not None:
            options.append(option)
    helped = {p.uid for option in options for p in option.pods}
    helpless = tuple((p, _text(why[p.uid])) for p in left if p.uid not in helped)
    return Plan(_best(options, expander, rng), helpless)


def _fits(simulation: Simulation, pod: PodInfo) -> bool:
    try:
        simulation.place(pod)
    except FitError:
        return False
    return True


def _try(
    simulation: Simulation,
    pods: Sequence[PodInfo],
    group: Group,
    size: int,
    template: Template,
    why: dict[str, Counter[str]],
) -> Option | None:
    """Put as many of the pods as possible on new nodes of a group, first fit; everything is taken back."""
    room = group.max - size
    made: list[str] = []
    placed: list[PodInfo] = []
    daemons: list[PodInfo] = []
    for pod in pods:
        if _fits(simulation, pod):
            placed.append(pod)
            continue
        if len(made) >= room:
            why[pod.uid][AT_MAX] += 1
            continue
        name = f"template-node-for-{group.name}-{len(made)}"
        node, *more = template(group, name)
        simulation.cache.set_node(node)
        brought = [PodInfo(d) for d in more]
        for daemon in brought:
            simulation.cache.assume(daemon, name)
        reasons = simulation.reasons(pod, name)
        if reasons or not _fits(simulation, pod):
            why[pod.uid].update(reasons)
            simulation.take_back(brought)
            simulation.cache.remove_node(name)
        else:
            made.append(name)
            placed.append(pod)
            daemons += brought
    waste = _waste(simulation, made)
    simulation.take_back([*placed, *daemons])
    for name in made:
        simulation.cache.remove_node(name)
    return Option(group, size, len(made), tuple(placed), waste) if made else None


def _waste(simulation: Simulation, nodes: Sequence[str]) -> float:
    """The idle share of cpu and that of memory, added, as the expander least-waste has it."""
    total: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for name in nodes:
        info = simulation.cache.node(name)
        if info is None:
            continue
        total.update({r: info.allocatable.get(r, 0) for r in ("cpu", "memory")})
        for pod in info.pods.values():
            used.update({r: pod.requests.get(r, 0) for r in ("cpu", "memory")})
    return sum(1 - used[r] / total[r] for r in ("cpu", "memory") if total[r])


def _best(options: Sequence[Option], expander: str, rng: random.Random) -> Option | None:
    if not options:
        return None
    if expander == "random":
        return rng.choice(options)
    if expander == "most-pods":
        return max(options, key=lambda o: len(o.pods))
    return min(options, key=lambda o: o.waste)


def _text(reasons: Counter[str]) -> str:
    parts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda r: r[0]))
    return f"pod didn't trigger scale-up: {parts}" if parts else "pod didn't trigger scale-up"
