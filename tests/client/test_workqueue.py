"""The work queue's promises, on a clock that stands still."""

from __future__ import annotations

import threading

from minikctl.client.workqueue import WorkQueue
from minikctl.util.clock import FakeClock


def test_a_waiting_key_is_kept_once_with_its_newest_cause() -> None:
    queue = WorkQueue()
    queue.add("a", 1)
    queue.add("b", 2)
    queue.add("a", 3)
    assert queue.get() == ("a", 3) and queue.get() == ("b", 2)
    assert queue.get(timeout=0) is None


def test_a_key_being_worked_on_comes_again_after_done() -> None:
    queue = WorkQueue()
    queue.add("a", 1)
    assert queue.get() == ("a", 1)
    queue.add("a", 2)
    assert queue.get(timeout=0) is None and not queue.idle
    queue.done("a")
    assert queue.get() == ("a", 2)
    queue.done("a")
    assert queue.idle


def test_failures_wait_longer_each_time() -> None:
    clock = FakeClock()
    queue = WorkQueue("", clock.monotonic)
    waits = []
    for _ in range(4):
        queue.add_rate_limited("a")
        waited = 0.0
        while (item := queue.get(timeout=0)) is None:
            clock.advance(0.001)
            waited += 0.001
        waits.append(round(waited, 2 if waited > 0.008 else 3))
        queue.done(item[0])
    assert waits == [0.005, 0.01, 0.02, 0.04]
    queue.forget("a")
    assert queue.retries("a") == 0


def test_a_worker_is_woken_and_released() -> None:
    queue = WorkQueue()
    got: list[object] = []
    worker = threading.Thread(target=lambda: got.extend([queue.get(), queue.get()]))
    worker.start()
    queue.add("a", 7)
    while not got and worker.is_alive() and len(queue):
        pass
    queue.shut_down()
    worker.join(timeout=10)
    assert got == [("a", 7), None]


def test_a_later_key_keeps_a_worker_waiting_no_longer_than_needed() -> None:
    queue = WorkQueue()
    queue.add_after("soon", 0.01, 5)
    assert queue.get(timeout=10) == ("soon", 5)


def test_a_delayed_key_waits_once_for_its_earliest_time() -> None:
    clock = FakeClock()
    queue = WorkQueue("", clock.monotonic)
    queue.add_after("a", 600, 1)
    queue.add_after("a", 5, 2)
    queue.add_after("a", 60, 3)
    assert queue.due_in() == 5
    clock.advance(5)
    assert queue.get(timeout=0) == ("a", 3)
    queue.done("a")
    clock.advance(1000)
    assert queue.get(timeout=0) is None and queue.due_in() is None
