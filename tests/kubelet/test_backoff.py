"""Delays that double."""

from __future__ import annotations

from minikctl.kubelet.backoff import BackOff


def test_doubling_up_to_five_minutes():
    backoff, delays, now = BackOff(), [], 0.0
    assert backoff.remaining("k", 0.0, 0.0) == 0
    for _ in range(7):
        backoff.next("k", now, now)
        delays.append(backoff.delay("k"))
        now += delays[-1]
    assert delays == [10, 20, 40, 80, 160, 300, 300]


def test_counted_from_the_failure():
    backoff = BackOff()
    backoff.next("k", 100.0, 100.0)
    assert backoff.remaining("k", 105.0, 106.0) == 9
    assert backoff.remaining("k", 105.0, 115.0) == 0
    assert backoff.remaining("other", 105.0, 106.0) == 0
    assert backoff.remaining_since_update("k", 103.0) == 7


def test_a_long_good_run_starts_over():
    backoff = BackOff()
    for at in (0.0, 10.0, 30.0):
        backoff.next("k", at, at)
    assert backoff.delay("k") == 40
    assert backoff.remaining("k", 700.0, 700.5) == 0
    backoff.next("k", 700.0, 700.5)
    assert backoff.delay("k") == 10


def test_forget():
    backoff = BackOff()
    backoff.next("u1/a", 0, 0)
    backoff.next("u2/a", 0, 0)
    backoff.forget("u1/")
    assert (backoff.delay("u1/a"), backoff.delay("u2/a")) == (0, 10)
