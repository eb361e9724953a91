"""What containers use, from looks at them."""

from __future__ import annotations

import pytest

from minikctl.kubelet.usage import Look, rate, simulated
from minikctl.runtime.interface import Stats


def look(at: float, cpu: float) -> Look:
    return Look(at, Stats(cpu_seconds=cpu))


@pytest.mark.parametrize(
    ("looks", "now", "age", "found"),
    [
        ([], look(100, 3), 30, (0.1, 30)),
        ([], look(100, 3), 0, (0, 0)),
        ([look(90, 1)], look(100, 3), 99, (0.2, 10)),
        ([look(80, 0), look(90, 1)], look(100, 3), 99, (0.2, 10)),
        ([look(80, 0), look(98, 1)], look(100, 4), 99, (0.2, 20)),  # two seconds are too few to go by
        ([look(98, 1)], look(100, 4), 99, (1.5, 2)),
        ([look(99.5, 1)], look(100, 4), 40, (0.1, 40)),
        ([look(90, 5)], look(100, 4), 99, (0, 10)),
    ],
)
def test_cpu_is_a_rate(looks: list[Look], now: Look, age: float, found: tuple[float, float]) -> None:
    assert rate(looks, now, age) == pytest.approx(found)


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({}, (0, 0)),
        ({"kwok.x-k8s.io/usage-cpu": "250m"}, (0.25, 0)),
        ({"kwok.x-k8s.io/usage-cpu": "2", "kwok.x-k8s.io/usage-memory": "64Mi"}, (2, 64 * 1024**2)),
        ({"kwok.x-k8s.io/usage-cpu": "much"}, (0, 0)),
    ],
)
def test_simulated_pods_use_what_they_say(annotations: dict[str, str], found: tuple[float, int]) -> None:
    assert simulated({"metadata": {"annotations": annotations}})[:2] == found
