"""Handing out pod addresses."""

from __future__ import annotations

import pytest

from minikctl.runtime.addresses import AddressesExhausted, AddressPool


def test_in_turn_and_back_at_the_end():
    pool = AddressPool("10.244.1.0/29")
    taken = [pool.take() for _ in range(5)]
    assert taken == [f"10.244.1.{i}" for i in range(2, 7)]
    with pytest.raises(AddressesExhausted):
        pool.take()
    pool.release(taken[3])
    pool.release(taken[0])
    assert [pool.take(), pool.take()] == [taken[0], taken[3]]


def test_kept_and_occupied_ones_are_passed_over():
    pool = AddressPool("10.244.1.0/24", is_free=lambda a: a != "10.244.1.6")
    pool.keep("10.244.1.4")
    pool.keep("")
    assert [pool.take(), pool.take()] == ["10.244.1.5", "10.244.1.7"]
