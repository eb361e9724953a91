"""Arithmetic on resource lists: `{"cpu": "500m", "memory": "1Gi"}`, the quantities as text in their own style.

Source: apiserver `pkg/quota/v1/resources.go`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from minikctl.api import quantity

Amounts = dict[str, str]
"""Resource name → quantity."""
Given = Mapping[str, str]


def add(a: Given, b: Given) -> Amounts:
    """The sum of two lists."""
    total = dict(a)
    for name, amount in b.items():
        total[name] = quantity.add(total[name], amount) if name in total else amount
    return total


def subtract(a: Given, b: Given) -> Amounts:
    """What `a` has more than `b`: zero where it has less, for the names of both."""
    rest: Amounts = {}
    for name in [*a, *(n for n in b if n not in a)]:
        left = quantity.subtract(a.get(name, "0"), b.get(name, "0"))
        rest[name] = left if quantity.parse(left) > 0 else "0"
    return rest


def negated(a: Given) -> Amounts:
    return {name: quantity.subtract("0", amount) for name, amount in a.items()}


def mask(a: Given, names: Container[str]) -> Amounts:
    """The part of the list that bears these names."""
    return {name: amount for name, amount in a.items() if name in names}


def raised_to(a: Given, floor: Given) -> Amounts:
    """The larger of each."""
    raised = dict(a)
    for name, amount in floor.items():
        if name not in raised or quantity.parse(amount) > quantity.parse(raised[name]):
            raised[name] = amount
    return raised


def exceeding(a: Given, limits: Given) -> list[str]:
    """The names, sorted, of which the list has more than the limit."""
    return sorted(n for n, limit in limits.items() if n in a and quantity.parse(a[n]) > quantity.parse(limit))


def negative(a: Given) -> list[str]:
    return sorted(n for n, amount in a.items() if quantity.parse(amount) < 0)


def without_zeros(a: Given) -> Amounts:
    return {name: amount for name, amount in a.items() if quantity.parse(amount)}


def equal(a: Given, b: Given) -> bool:
    """Whether both say the same, in whatever style: `1000m` is `1`."""
    return a.keys() == b.keys() and all(quantity.parse(amount) == quantity.parse(b[n]) for n, amount in a.items())


def shown(a: Given) -> str:
    """`cpu=1,memory=2Gi`: how messages list amounts."""
    return ",".join(f"{name}={quantity.canonical(a[name])}" for name in sorted(a))


def total(parts: Iterable[Given]) -> Amounts:
    """The sum of many lists."""
    result: Amounts = {}
    for part in parts:
        result = add(result, part)
    return result
