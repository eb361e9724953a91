"""Pods that wait for a node: to be tried now, after a back-off, or when something changes in the cluster.

    active           tried next: highest priority first, then who came first
    backoff          failed lately: 1 s, 2 s, 4 s … 10 s after the last attempt; sooner when there is nothing else to do
    unschedulable    no node fits: tried again when an event happens that the rejecting plugins wait for, or after 5 min
    gated            not to be tried before its scheduling gates are gone

Source: kube-scheduler `backend/queue/scheduling_queue.go`; KEP-4247 (requeueing), KEP-5142 (pop from back-off).
Owned by the scheduling loop: not thread-safe.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from minikctl.scheduler.framework import Change, ClusterEvent, Framework
from minikctl.scheduler.node_info import PodInfo

INITIAL_BACKOFF, MAX_BACKOFF = 1.0, 10.0
MAX_IN_UNSCHEDULABLE = 300.0


@dataclass(eq=False, slots=True)
class Waiting:
    """A pod in the queue. `because` is the resourceVersion of the change that made it worth a try."""

    pod: PodInfo
    because: int | None
    since: float
    attempts: int = 0
    tried_at: float = 0.0
    rejected_by: frozenset[str] = frozenset()
    place: str = ""
    ticket: int = 0
    """Names its valid entry in a heap; entries with another ticket are void."""

    initial_backoff: float = INITIAL_BACKOFF
    max_backoff: float = MAX_BACKOFF

    def backoff_over(self) -> float:
        """When it may be tried again."""
        if not self.attempts:
            return 0.0
        return self.tried_at + min(self.initial_backoff * 2.0 ** min(self.attempts - 1, 30), self.max_backoff)


ACTIVE, BACKOFF, UNSCHEDULABLE, GATED, TAKEN = "active", "backoff", "unschedulable", "gated", "taken"
_Heap = list[tuple[float, float, int, Waiting]]


class SchedulingQueue:
    """`framework_of` a pod says which plugins wait for which events, and whether the pod may be tried at all."""

    def __init__(
        self,
        framework_of: Callable[[PodInfo], Framework],
        monotonic: Callable[[], float],
        *,
        initial_backoff: float = INITIAL_BACKOFF,
        max_backoff: float = MAX_BACKOFF,
    ):
        self._framework_of = framework_of
        self._now = monotonic
        self._backoffs = initial_backoff, max_backoff
        self._waiting: dict[str, Waiting] = {}
        self._unschedulable: dict[str, Waiting] = {}
        self._active: _Heap = []
        self._backoff: _Heap = []
        self._error_backoff: _Heap = []
        self._serial = count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    def counts(self) -> dict[str, int]:
        """How many pods are where."""
        out = dict.fromkeys((ACTIVE, BACKOFF, UNSCHEDULABLE, GATED, TAKEN), 0)
        for waiting in self._waiting.values():
            out[waiting.place] += 1
        return out

    # ------------------------------------------------------------------ what happens to pods

    def update(self, pod: PodInfo, because: int | None, *, changed: bool = True) -> None:
        """A pod without a node is new or has a new version; `changed` when it may matter for the decision."""
        waiting = self._waiting.get(pod.uid)
        if waiting is None:
            waiting = self._waiting[pod.uid] = Waiting(pod, because, self._now())
            waiting.initial_backoff, waiting.max_backoff = self._backoffs
            self._admit(waiting)
            return
        waiting.pod = pod
        if changed and waiting.place in (UNSCHEDULABLE, GATED):
            waiting.because = because
            self._admit(waiting)

    def remove(self, uid: str) -> None:
        """The pod is gone or has a node."""
        waiting = self._waiting.pop(uid, None)
        self._unschedulable.pop(uid, None)
        if waiting is not None:
            waiting.ticket = 0

    # ------------------------------------------------------------------ taking and putting back

    def pop(self) -> Waiting | None:
        """The pod to try next, None when there is none now."""
        self._promote()
        waiting = _take(self._active) or _take(self._backoff)
        if waiting is not None:
            waiting.place, waiting.ticket = TAKEN, 0
            waiting.attempts += 1
            waiting.tried_at = self._now()
        return waiting

    def put_back(self, waiting: Waiting, rejected_by: frozenset[str], *, by_error: bool = False) -> None:
        """The pod got no node: rejected by these plugins, or because something went wrong."""
        if self._waiting.get(waiting.pod.uid) is not waiting:
            return
        waiting.rejected_by = rejected_by
        if by_error:
            self._push(self._error_backoff, BACKOFF, waiting.backoff_over(), waiting)
        else:
            waiting.place = UNSCHEDULABLE
            self._unschedulable[waiting.pod.uid] = waiting

    def happened(self, what: Change | ClusterEvent, because: int | None) -> None:
        """Have the pods tried again that wait for this."""
        if not self._unschedulable:
            return
        change = what if isinstance(what, Change) else Change(what)
        for waiting in list(self._unschedulable.values()):
            if self._framework_of(waiting.pod).requeue_on(waiting.pod, waiting.rejected_by, change):
                waiting.because = because
                self._requeue(waiting)

    def retry(self, uid: str) -> None:
        """A pod that waits for news will get none: have it tried again after its back-off."""
        if (waiting := self._unschedulable.pop(uid, None)) is not None:
            self._push(self._error_backoff, BACKOFF, waiting.backoff_over(), waiting)

    def is_waiting(self, uid: str) -> bool:
        return uid in self._waiting

    def next_in(self) -> float | None:
        """Seconds until a pod becomes due, None when only an event can make one so."""
        self._promote()
        if _peek(self._active) or _peek(self._backoff):
            return 0.0
        times = [w.tried_at + MAX_IN_UNSCHEDULABLE for w in self._unschedulable.values()]
        if failed := _peek(self._error_backoff):
            times.append(failed.backoff_over())
        return max(0.0, min(times) - self._now()) if times else None

    # ------------------------------------------------------------------ parts

    def _admit(self, waiting: Waiting) -> None:
        if self._framework_of(waiting.pod).pre_enqueue(waiting.pod) is not None:
            self._unschedulable.pop(waiting.pod.uid, None)
            waiting.place, waiting.ticket = GATED, 0
        else:
            self._requeue(waiting)

    def _requeue(self, waiting: Waiting) -> None:
        self._unschedulable.pop(waiting.pod.uid, None)
        due = waiting.backoff_over()
        if due > self._now():
            self._push(self._backoff, BACKOFF, due, waiting)
        else:
            self._push(self._active, ACTIVE, -waiting.pod.priority, waiting)

    def _push(self, heap: _Heap, place: str, rank: float, waiting: Waiting) -> None:
        waiting.place, waiting.ticket = place, next(self._serial)
        heapq.heappush(heap, (rank, waiting.since, waiting.ticket, waiting))

    def _promote(self) -> None:
        """Move what is due to the active queue."""
        now = self._now()
        for heap in (self._backoff, self._error_backoff):
            while (waiting := _peek(heap)) and waiting.backoff_over() <= now:
                _take(heap)
                self._push(self._active, ACTIVE, -waiting.pod.priority, waiting)
        if not self._active:
            for waiting in list(self._unschedulable.values()):
                if waiting.tried_at + MAX_IN_UNSCHEDULABLE <= now:
                    self._requeue(waiting)


def _peek(heap: _Heap) -> Waiting | None:
    """The first valid entry; void ones are dropped."""
    while heap and heap[0][3].ticket != heap[0][2]:
        heapq.heappop(heap)
    return heap[0][3] if heap else None


def _take(heap: _Heap) -> Waiting | None:
    waiting = _peek(heap)
    if waiting is not None:
        heapq.heappop(heap)
    return waiting
