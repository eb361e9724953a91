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
    Prepared     is what PreBind has asked for there yet? Wait means: ask again when something has changed
    Bind         tell the API server

Plugins are data: a name, a place in the order, a weight, and one function for each point they take part in. Functions
see the pod and node as `PodInfo` and `NodeInfo` and must not change them. None means success. What else a plugin may
use is in `cycle.handle`. A plugin with settings has a function `configure(arguments)`, which makes the plugin anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from operator import add
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minikctl.api.meta import Obj
    from minikctl.api.selectors import Selector
    from minikctl.client import Client
    from minikctl.client.assume_cache import AssumeCache
    from minikctl.client.events import EventRecorder
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
    WAIT = "Wait"
    """Not answered yet (Prepared)."""


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
WAIT = Status(Code.WAIT)


def unschedulable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reasons)


def unresolvable(*reasons: str) -> Status:
    return Status(Code.UNRESOLVABLE, reasons)


def failure(*reasons: str) -> Status:
    """The plugin could not answer."""
    return Status(Code.ERROR, reasons)


class ClusterEvent(StrEnum):
    """What can make a pod schedulable that was not. Plugins name the events that they wait for."""

    NODE_ADD = "Node/Add"
    NODE_ALLOCATABLE = "Node/UpdateAllocatable"
    NODE_LABEL = "Node/UpdateLabel"
    NODE_TAINT = "Node/UpdateTaint"
    POD_ADD = "AssignedPod/Add"
    POD_UPDATE = "AssignedPod/Update"
    POD_DELETE = "AssignedPod/Delete"
    CLAIM = "PersistentVolumeClaim/AddOrUpdate"
    VOLUME = "PersistentVolume/AddOrUpdate"
    CLASS = "StorageClass/AddOrUpdate"
    CSI_NODE = "CSINode/AddOrUpdate"


KIND_EVENTS = {
    "persistentvolumeclaims": ClusterEvent.CLAIM,
    "persistentvolumes": ClusterEvent.VOLUME,
    "storageclasses": ClusterEvent.CLASS,
    "csinodes": ClusterEvent.CSI_NODE,
}
"""What the changes of kinds other than pods and nodes are called."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event with the object before and after it; a plugin's hint looks at them."""

    event: ClusterEvent
    old: Obj | None = None
    new: Obj | None = None

    @property
    def obj(self) -> Obj:
        """As it is, or was last."""
        return self.new or self.old or {}


@dataclass(slots=True)
class Handle:
    """What plugins may use besides pod, node and cache.

    listers: informers by kind, as the plugins ask for them. assumed: the same for kinds that the scheduler itself
    changes, with its own changes on top. submit: have a write done in another thread. retry: a pod's uid; what was to
    make room for it has failed, and no news will tell of that.
    """

    listers: Mapping[str, Informer] = field(default_factory=dict)
    assumed: Mapping[str, AssumeCache] = field(default_factory=dict)
    client: Client | None = None
    recorder: EventRecorder | None = None
    submit: Callable[[Callable[[], None]], Any] = lambda work: work()
    retry: Callable[[str], None] = lambda _uid: None
    now: Callable[[], str] = lambda: ""
    """The present moment as Kubernetes writes it."""


class CycleState:
    """Where plugins note things while one pod is being scheduled, and what they may look at besides pod and node."""

    __slots__ = ("cache", "framework", "handle", "nominated", "notes", "only_nodes", "skip_filter", "skip_score")

    def __init__(
        self,
        cache: Cache,
        listers: Mapping[str, Informer] | None = None,
        *,
        handle: Handle | None = None,
        nominated: Mapping[str, Sequence[PodInfo]] | None = None,
        framework: Framework | None = None,
    ):
        self.cache = cache
        self.handle = handle or Handle(listers or {})
        self.nominated = nominated or {}
        """By node: waiting pods for which room was made there."""
        self.framework = framework
        """For plugins that ask the others again (preemption)."""
        self.notes: dict[str, Any] = {}
        """By plugin: what PreFilter and PreScore left for Filter and Score."""
        self.only_nodes: dict[str, frozenset[str]] = {}
        """By plugin: the names of the only nodes that can come into question, as PreFilter found."""
        self.skip_filter: set[str] = set()
        self.skip_score: set[str] = set()

    @property
    def listers(self) -> Mapping[str, Informer]:
        return self.handle.listers

    def again(self) -> CycleState:
        """Without notes: to ask the same about a cluster that has changed, or is supposed to have."""
        return CycleState(self.cache, handle=self.handle, nominated=self.nominated, framework=self.framework)

    def matching(self, namespace: str, selector: Selector, *, terminating: bool = False) -> Mapping[str, int]:
        """How many pods of a namespace match, by node name; nodes without any are left out."""
        return self.cache.matching(namespace, selector, terminating=terminating)


Maybe = Status | None


@dataclass(frozen=True)
class Plugin:
    """One plugin. `order` is its place among all; `weight` that of its score."""

    name: str
    order: int
    weight: int = 1
    requeue_on: frozenset[ClusterEvent] = frozenset()
    """A pod that this plugin rejected is tried again when one of these happens."""
    hint: Callable[[PodInfo, Change], bool] | None = None
    """… and this finds that the change may help the pod; without it every one may."""
    listers: tuple[str, ...] = ()
    """Kinds whose caches it reads (Handle.listers)."""
    assumes: tuple[str, ...] = ()
    """Kinds that it changes itself (Handle.assumed)."""
    configure: Callable[[Obj], Plugin] | None = None
    """Makes the plugin from its arguments (pluginConfig). Raises ValueError."""
    pre_enqueue: Callable[[PodInfo], Maybe] | None = None
    pre_filter: Callable[[CycleState, PodInfo], Maybe] | None = None
    filter: Callable[[CycleState, PodInfo, NodeInfo], Maybe] | None = None
    post_filter: Callable[[CycleState, PodInfo, Mapping[str, Status]], tuple[str | None, Status]] | None = None
    """Gets the statuses of the nodes that were looked at; returns the node on which room is being made for the pod
    (`""`: there is none, None: no opinion) and what to say."""
    pre_score: Callable[[CycleState, PodInfo, Sequence[NodeInfo]], Maybe] | None = None
    score: Callable[[CycleState, PodInfo, NodeInfo], int] | None = None
    normalize: Callable[[CycleState, PodInfo, Sequence[NodeInfo], list[int]], list[int]] | None = None
    reserve: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    unreserve: Callable[[CycleState, PodInfo, str], None] | None = None
    permit: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    pre_bind: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    prepared: Callable[[CycleState, PodInfo, str], Maybe] | None = None
    bind: Callable[[CycleState, PodInfo, str], Maybe] | None = None

    def waits_for(self, pod: PodInfo, change: Change) -> bool:
        """True when a pod that this plugin rejected may be accepted after a change."""
        if change.event not in self.requeue_on:
            return False
        return self.hint is None or not change.obj or self.hint(pod, change)


@dataclass
class Framework:
    """Runs the plugins' points in order. `name` is what pods call it: their schedulerName."""

    plugins: Sequence[Plugin]
    name: str = "default-scheduler"
    _filters: list[Plugin] = field(init=False)

    def __post_init__(self) -> None:
        self.plugins = sorted(self.plugins, key=lambda p: p.order)
        self._filters = [p for p in self.plugins if p.filter]

    def requeue_on(self, pod: PodInfo, plugins: frozenset[str], change: Change) -> bool:
        """True when a pod rejected by these plugins should be tried again; one rejected by none always is."""
        return not plugins or any(p.name in plugins and p.waits_for(pod, change) for p in self.plugins)

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

    def post_filter(self, cycle: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> tuple[str | None, str]:
        """(nominated node, `""` or None, what the plugins say)."""
        said: list[str] = []
        answer: str | None = None
        for plugin in self.plugins:
            if plugin.post_filter:
                nominated, status = plugin.post_filter(cycle, pod, statuses)
                if nominated:
                    return nominated, ""
                answer = answer if nominated is None else nominated
                said += status.reasons
        return answer, ", ".join(said)

    def scores(
        self,
        cycle: CycleState,
        pod: PodInfo,
        nodes: Sequence[NodeInfo],
        table: dict[str, list[int]] | None = None,
    ) -> list[int]:
        """The weighted sum of all normalised scores, one number a node. `table` is filled with the parts, by plugin."""
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
            if weight != 1:
                found = [s * weight for s in found]
            if table is not None:
                table[plugin.name] = found
            total = list(map(add, total, found))
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

    def prepared(self, cycle: CycleState, pod: PodInfo, node: str) -> Maybe:
        return self._first("prepared", cycle, pod, node)

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
