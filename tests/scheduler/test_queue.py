"""When a waiting pod is tried."""

from __future__ import annotations

from minikctl.scheduler.framework import ClusterEvent, Framework
from minikctl.scheduler.plugins import all_plugins
from minikctl.scheduler.queue import SchedulingQueue
from minikctl.util.clock import FakeClock
from tests.scheduler.builders import pod

FIT = frozenset({"NodeResourcesFit"})


def make() -> tuple[SchedulingQueue, FakeClock]:
    clock = FakeClock()
    framework = Framework(all_plugins())
    return SchedulingQueue(lambda _pod: framework, clock.monotonic), clock


def names(queue: SchedulingQueue) -> list[str]:
    out = []
    while waiting := queue.pop():
        out.append(waiting.pod.name)
    return out


def test_higher_priority_first_then_who_came_first() -> None:
    queue, clock = make()
    for name, priority in (("a", 0), ("b", 10), ("c", 0), ("d", 10)):
        queue.update(pod(name, priority=priority), 1)
        clock.advance(0.001)
    assert names(queue) == ["b", "d", "a", "c"]


def test_an_unschedulable_pod_waits_for_an_event_that_its_plugin_asked_for() -> None:
    queue, clock = make()
    queue.update(pod("a"), 1)
    waiting = queue.pop()
    assert waiting
    queue.put_back(waiting, FIT)
    clock.advance(20)
    assert queue.pop() is None
    queue.happened(ClusterEvent.NODE_TAINT, 7)
    assert queue.pop() is None
    queue.happened(ClusterEvent.POD_DELETE, 8)
    again = queue.pop()
    assert again is waiting and again.because == 8 and again.attempts == 2


def test_back_off_is_left_early_when_nothing_else_waits_but_not_after_an_error() -> None:
    queue, clock = make()
    queue.update(pod("a"), 1)
    waiting = queue.pop()
    assert waiting
    queue.put_back(waiting, FIT)
    queue.happened(ClusterEvent.NODE_ADD, 2)
    assert queue.counts()["backoff"] == 1
    assert queue.pop() is waiting
    queue.put_back(waiting, frozenset(), by_error=True)
    assert queue.pop() is None and queue.next_in() == 2.0
    clock.advance(2)
    assert queue.pop() is waiting


def test_back_off_doubles_up_to_ten_seconds() -> None:
    queue, clock = make()
    queue.update(pod("a"), 1)
    delays = []
    for _ in range(6):
        waiting = queue.pop()
        assert waiting
        queue.put_back(waiting, frozenset(), by_error=True)
        delays.append(queue.next_in())
        clock.advance(delays[-1] or 0)
    assert delays == [1, 2, 4, 8, 10, 10]


def test_nobody_is_forgotten_in_the_unschedulable_set() -> None:
    queue, clock = make()
    queue.update(pod("a"), 1)
    waiting = queue.pop()
    assert waiting
    queue.put_back(waiting, FIT)
    assert queue.next_in() == 300
    clock.advance(300)
    assert queue.pop() is waiting


def test_gated_pods_enter_when_their_gates_are_gone() -> None:
    queue, _ = make()
    queue.update(pod("a", schedulingGates=[{"name": "x"}]), 1)
    assert queue.pop() is None and queue.counts()["gated"] == 1
    queue.happened(ClusterEvent.NODE_ADD, 2)
    assert queue.pop() is None
    queue.update(pod("a"), 3)
    assert names(queue) == ["a"]


def test_a_changed_pod_is_tried_again_and_a_removed_one_never() -> None:
    queue, _ = make()
    for name in "ab":
        queue.update(pod(name), 1)
    first, second = queue.pop(), queue.pop()
    assert first and second
    queue.put_back(first, FIT)
    queue.put_back(second, FIT)
    queue.update(pod("a"), 2, changed=False)
    assert queue.pop() is None
    queue.update(pod("a"), 3, changed=True)
    queue.remove("uid-b")
    queue.happened(ClusterEvent.NODE_ADD, 4)
    assert names(queue) == ["a"]
    assert len(queue) == 1


def test_a_pod_whose_room_could_not_be_made_is_tried_again_after_its_back_off() -> None:
    queue, clock = make()
    queue.update(pod("a"), 1)
    waiting = queue.pop()
    assert waiting
    queue.retry(waiting.pod.uid)  # it is being tried: nothing to do
    queue.put_back(waiting, FIT)
    queue.retry(waiting.pod.uid)
    assert queue.pop() is None
    clock.advance(1.1)
    assert queue.pop() is waiting
