"""How many files a process may have open."""

from __future__ import annotations

import resource

import pytest

from minikctl.util import descriptors

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "then", "answer"),
    [
        (1024, 4096, 65536, 4096, 4096),
        (1024, ENDLESS, 65536, 65536, 65536),
        (1024, 100_000, 16384, 16384, 16384),
        (100_000, 100_000, 16384, 100_000, 16384),
        (ENDLESS, ENDLESS, 16384, ENDLESS, 16384),
    ],
)
def test_limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, then: int, answer: int) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, pair: limits.append(pair))
    assert descriptors.raise_descriptor_limit(wanted) == answer
    assert limits[-1] == (then, hard)


def test_a_user_who_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: int, _pair: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert descriptors.raise_descriptor_limit() == 256
