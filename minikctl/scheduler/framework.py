"""The scheduling framework: what a plugin is and when it is asked. Source: KEP-624, concept "Scheduling Framework".

A decision about one pod goes through these points, in this order:

    PreEnqueue   may the pod be tried at all?                     (scheduling gates)
    PreFilter    once a pod: compute what Filter will need; Skip says that Filter has nothing to do
    Filter       once a pod and node: can it run there?
    PostFilter   nowhere: can something be done about it?         (preemption)
    PreScore     once a pod: compute what Score will need; Skip leaves Score out
    Score        once a pod and node that passed: how good, then normalised to 0…100
    Reserve      the node is chosen: note it; Unreserve takes it back
    Permit       the last chance to refuse
    PreBind      prepare the node for the pod                     (volumes)
    Bind         tell the API server

Plugins are data: a name, a place in the order, a weight, and one function for each point they take part in. Functions
see the pod and node as `PodInfo` and `NodeInfo` and must not change them. None means success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minikctl.api.selectors import Selector
    from minikctl.client.informer import Informer
    from minikctl.scheduler.cache import Cache
    from minikctl.scheduler.node_info import NodeInfo, PodInfo

MAX_SCORE = 100


class Code(Enum):
    """What became of a question to a plugin."""

    ERROR = "Error"
    UNSCHEDULABLE = "Unschedulable"
    """Not now; if other pods went away it might be possible."""
    UNRESOLVABLE = "UnschedulableAndUnresolvable"
    """Not while pod and node are as they are, whatever other pods do: preemption cannot help."""
    SKIP = "Skip"


@dataclass(frozen=True, slots=True)
class Status:
    """A plugin's answer other than success (which is None). `plugin` is filled in by the framework."""

    code: Code
    reasons: tuple[str, ...] = ()
    plugin: str = ""

    @property
    def rejected(self) -> bool:
        return self.code in (Code.UNSCHEDULABLE, Code.UNRESOLVABLE)

    def by(self, plugin: str) -> Status:
        return self if self.plugin else Status(self.code, self.reasons, plugin)


SKIP = Status(Code.SKIP)


def unschedulable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reasons)


def unresolvable(*reasons: str) -> Status:
    return Status(Code.UNRESOLVABLE, reasons)


class ClusterEvent(StrEnum):
    """What can make a pod schedulable that was not. Plugins name the events that they wait for."""

    NODE_ADD = "Node/Add"
    NODE_ALLOCATABLE = "Node/UpdateAllocatable"
    NODE_LABEL = "Node/UpdateLabel"
    NODE_TAINT = "Node/UpdateTaint"
    POD_ADD = "AssignedPod/Add"
    POD_UPDATE = "AssignedPod/Update"
    POD_DELETE = "AssignedPod/Delete"


class CycleState:
    """Where plugins note things while one pod is being scheduled, and what they may look at besides pod and node."""

    __slots__ = ("cache", "listers", "notes", "only_nodes", "skip_filter", "skip_score")

    def __init__(self, cache: Cache, listers: Mapping[str, Informer] | None = None):
        self.cache = cache
        self.listers: Mapping[str, Informer] = listers or {}
        self.notes: dict[str, Any] = {}
        """By plugin: what PreFilter and PreScore left for Filter and Score."""
        self.only_nodes: dict[str, frozenset[str]] = {}
        """By plugin: the names of the only nodes that can come into question, as PreFilter found."""
        self.skip_filter: set[str] = set()
        self.skip_score: set[str] = set()

    def matching(self, namespace: str, selector: Selector) -> Mapping[str, int]:
        """How many pods of a namespace match, by node name; nodes without any are left out."""
        return self.cache.matching(namespace, selector)


Maybe = Status | None


@dataclass(frozen=True)
class Plugin:
    """One plugin. `order` is its place among all; `weight` that of its score."""

    name: str
    order: int
    weight: int = 1
    requeue_on: frozenset[ClusterEvent] = frozenset()
    """A pod that this plugin rejected is tried again when one of these happens."""
    listers: tuple[str, ...] = ()
    """Kinds whose caches it reads (CycleState.listers)."""
    pre_enqueue: Callable[[PodInfo], Maybe] | None = None
    pre_filter: Callable[[CycleState, PodInfo], Maybe] | None = None
    filter: Callable[[CycleState, PodInfo, NodeInfo], Maybe] | None = None
    post_filter: Callable[[CycleState, PodInfo, Mapping[str, Status]], tuple[str, Status]] | None = None
    """Gets the statuses of the nodes that were looked at; returns a node to nominate (or `""`) and what to say."""
    pre_score: Callable[[CycleState, PodInfo, Sequence[NodeInfo]], Maybe] | None = None
    score: Callable[[CycleState, PodInfo, NodeInfo], int] | None = None
    normalize: Callable[[CycleState, PodInfo, Sequence[NodeInfo], list[int]], list[int]] | None = None
    reserve: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    unreserve: Callable[[CycleState, PodInfo, str], None] | None = None
    permit: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    pre_bind: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    bind: Callable[[CycleState, PodInfo, str], Maybe] | None = None


@dataclass
class Framework:
    """Runs the plugins' points in order."""

    plugins: Sequence[Plugin]
    _filters: list[Plugin] = field(init=False)

    def __post_init__(self) -> None:
        self.plugins = sorted(self.plugins, key=lambda p: p.order)
        self._filters = [p for p in self.plugins if p.filter]

    def requeue_on(self, plugins: frozenset[str], event: ClusterEvent) -> bool:
        """True when a pod rejected by these plugins should be tried again; one rejected by none always is."""
        return not plugins or any(p.name in plugins and event in p.requeue_on for p in self.plugins)

    def pre_enqueue(self, pod: PodInfo) -> Maybe:
        for plugin in self.plugins:
            if plugin.pre_enqueue and (status := plugin.pre_enqueue(pod)):
                return status.by(plugin.name)
        return None

    def pre_filter(self, cycle: CycleState, pod: PodInfo) -> Maybe:
        for plugin in self.plugins:
            if not plugin.pre_filter:
                continue
            status = plugin.pre_filter(cycle, pod)
            if status is None:
                continue
            if status.code is not Code.SKIP:
                return status.by(plugin.name)
            cycle.skip_filter.add(plugin.name)
        return None

    def filters(self, cycle: CycleState) -> list[tuple[str, Callable[[CycleState, PodInfo, NodeInfo], Maybe]]]:
        """The filters that have something to do in this cycle, after PreFilter."""
        return [(p.name, p.filter) for p in self._filters if p.filter and p.name not in cycle.skip_filter]

    def post_filter(self, cycle: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> tuple[str, str]:
        """(nominated node or `""`, what the plugins say)."""
        said: list[str] = []
        for plugin in self.plugins:
            if plugin.post_filter:
                nominated, status = plugin.post_filter(cycle, pod, statuses)
                if nominated:
                    return nominated, ""
                said += status.reasons
        return "", ", ".join(said)

    def scores(self, cycle: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """The weighted sum of all normalised scores, one number a node."""
        total = [0] * len(nodes)
        for plugin in self.plugins:
            if plugin.pre_score and plugin.score:
                status = plugin.pre_score(cycle, pod, nodes)
                if status is not None and status.code is Code.SKIP:
                    cycle.skip_score.add(plugin.name)
        for plugin in self.plugins:
            score = plugin.score
            if score is None or plugin.name in cycle.skip_score:
                continue
            found = [score(cycle, pod, node) for node in nodes]
            if plugin.normalize:
                found = plugin.normalize(cycle, pod, nodes, found)
            weight = plugin.weight
            total = [t + s * weight for t, s in zip(total, found)]
        return total

    def reserve(self, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        return self._first("reserve", cycle, pod, node)

    def unreserve(self, cycle: CycleState, pod: PodInfo, node: str) -> None:
        for plugin in reversed(self.plugins):
            if plugin.unreserve:
                plugin.unreserve(cycle, pod, node)

    def permit(self, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        return self._first("permit", cycle, pod, node)

    def pre_bind(self, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        return self._first("pre_bind", cycle, pod, node)

    def bind(self, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        return self._first("bind", cycle, pod, node)

    def _first(self, point: str, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        """Ask all plugins of a point until one refuses."""
        for plugin in self.plugins:
            ask = getattr(plugin, point)
            status: Maybe = ask(cycle, pod, node) if ask else None
            if status is not None:
                return status.by(plugin.name)
        return None


def normalize_to_largest(scores: list[int], *, reverse: bool = False) -> list[int]:
    """Stretch scores so that the largest becomes 100; `reverse` makes the smallest the best."""
    largest = max(scores, default=0)
    if largest == 0:
        return [MAX_SCORE if reverse else 0] * len(scores)
    if reverse:
        return [MAX_SCORE - MAX_SCORE * s // largest for s in scores]
    return [MAX_SCORE * s // largest for s in scores]
