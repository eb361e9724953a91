"""Which pods would have to go so that another one fits, and where it hurts least. Nothing is deleted here.

The order of mercy: fewest PodDisruptionBudgets broken, then the lowest highest priority among the victims, the lowest
sum of priorities, the fewest victims, and those of the highest priority that started last. Source: KEP-564,
kube-scheduler `framework/preemption`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj, find_condition, get_path
from minikctl.api.selectors import from_label_selector
from minikctl.scheduler.framework import Code, CycleState, Status, unresolvable
from minikctl.scheduler.node_info import NodeInfo, PodInfo

NO_VICTIMS = unresolvable("No preemption victims found for incoming pod")
NOT_HELPFUL = "Preemption is not helpful for scheduling"
MIN_CANDIDATES, CANDIDATES_PERCENT = 100, 10
TARGET, REASON = "DisruptionTarget", "PreemptionByScheduler"
_BASE = 2**31
"""Makes priorities positive, so that a sum of more of them is larger."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node, and the pods that would have to go, the most important first."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int

    @property
    def cost(self) -> tuple[int, int, int, int, _Descending]:
        highest = max(p.priority for p in self.victims)
        first = min(started(p) for p in self.victims if p.priority == highest)
        total = sum(p.priority + _BASE for p in self.victims)
        return self.violations, highest, total, len(self.victims), _Descending(first)


@dataclass(frozen=True, slots=True)
class _Descending:
    value: str

    def __lt__(self, other: _Descending) -> bool:
        return self.value > other.value


def started(pod: PodInfo) -> str:
    """When it began; one that has not yet counts as the newest."""
    return str((pod.obj.get("status") or {}).get("startTime") or "~")


def importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the most important pod first: the higher priority, then who runs longer."""
    return -pod.priority, started(pod)


def why_not(cycle: CycleState, pod: PodInfo, node: NodeInfo, *, without: Iterable[PodInfo] = ()) -> Status | None:
    """Ask all filters anew as if some pods were not on the node, and as if those were that room was made for."""
    framework = cycle.framework
    assert framework is not None
    others = [p for p in cycle.nominated.get(node.name, ()) if p.priority >= pod.priority and p.uid != pod.uid]
    with cycle.cache.supposing(node.name, without=without, with_=others):
        trial = cycle.again()
        status = framework.pre_filter(trial, pod)
        if status is not None:
            return status
        for plugin, ask in framework.filters(trial):
            status = ask(trial, pod, node)
            if status is not None:
                return status.by(plugin)
    return None


def candidates(
    cycle: CycleState, pod: PodInfo, statuses: Mapping[str, Status], budgets: Sequence[Obj]
) -> tuple[list[Candidate], dict[str, Status]]:
    """Nodes on which removing pods helps, and why it does not on the others; a tenth, or a hundred, are enough."""
    enough = max(MIN_CANDIDATES, len(statuses) * CANDIDATES_PERCENT // 100)
    found: list[Candidate] = []
    others: dict[str, Status] = {}
    for node_name, status in statuses.items():
        node = cycle.cache.node(node_name)
        if status.code is not Code.UNSCHEDULABLE or node is None:
            continue
        answer = victims_on(cycle, pod, node, budgets)
        if isinstance(answer, Status):
            others[node_name] = answer
            continue
        found.append(answer)
        if len(found) >= enough:
            break
    return found, others


def victims_on(cycle: CycleState, pod: PodInfo, node: NodeInfo, budgets: Sequence[Obj]) -> Candidate | Status:
    """The fewest pods of lower priority that make room: all of them go in thought, then each is spared if it can be."""
    lower = sorted((p for p in node.pods.values() if p.priority < pod.priority), key=importance)
    if not lower:
        return NO_VICTIMS
    status = why_not(cycle, pod, node, without=lower)
    if status is not None:
        return status
    protected, free = by_budget(lower, budgets)
    gone = {p.uid: p for p in lower}
    violations = 0
    for each in (*protected, *free):
        del gone[each.uid]
        if why_not(cycle, pod, node, without=gone.values()) is not None:
            gone[each.uid] = each
            violations += any(p is each for p in protected)
    return Candidate(node.name, tuple(sorted(gone.values(), key=importance)), violations)


def by_budget(pods: Sequence[PodInfo], budgets: Sequence[Obj]) -> tuple[list[PodInfo], list[PodInfo]]:
    """(pods whose removal would break a PodDisruptionBudget, the others), in the given order."""
    allowed = [get_path(b, "status", "disruptionsAllowed", default=0) for b in budgets]
    selectors = [from_label_selector(get_path(b, "spec", "selector")) for b in budgets]
    protected: list[PodInfo] = []
    free: list[PodInfo] = []
    for pod in pods:
        breaks = False
        for i, budget in enumerate(budgets):
            if budget["metadata"].get("namespace") != pod.namespace or not pod.labels:
                continue
            if not selectors[i].requirements or not selectors[i].matches(pod.labels):
                continue
            if pod.name in (get_path(budget, "status", "disruptedPods") or {}):
                continue  # its eviction is counted already
            allowed[i] -= 1
            breaks = breaks or allowed[i] < 0
        (protected if breaks else free).append(pod)
    return protected, free


def best(found: Sequence[Candidate]) -> Candidate:
    """Where it hurts least; of equals the first."""
    return min(found, key=lambda c: c.cost)


def refusal(pod: PodInfo, nominated: NodeInfo | None, status: Status | None = None) -> str:
    """Why a pod may not have others removed, `""` when it may. status: what the filters said of its nominated node."""
    if pod.spec.get("preemptionPolicy") == "Never":
        return "not eligible due to preemptionPolicy=Never."
    if nominated is None or (status is not None and status.code is Code.UNRESOLVABLE):
        return ""
    if any(p.priority < pod.priority and makes_room(p) for p in nominated.pods.values()):
        return "not eligible due to a terminating pod on the nominated node."
    return ""


def makes_room(pod: PodInfo) -> bool:
    """Whether it is going because the scheduler removed it; of others that end nobody knows for whom."""
    if not pod.terminating:
        return False
    target = find_condition((pod.obj.get("status") or {}).get("conditions") or [], TARGET) or {}
    return (target.get("status"), target.get("reason")) == ("True", REASON)
