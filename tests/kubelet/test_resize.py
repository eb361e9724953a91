"""Resizing pods: what is granted, what waits, what is hopeless."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet import resize
from tests.kubelet.build import container, pod

NODE = {"cpu": "4", "memory": "8Gi"}


def asks(cpu: str, memory: str = "1Gi", **more: Any) -> Obj:
    return container(resources={"requests": {"cpu": cpu, "memory": memory}}, **more)


BEFORE = {"app": {"requests": {"cpu": "1", "memory": "1Gi"}}}


@pytest.mark.parametrize(
    ("wish", "others", "pending"),
    [
        (asks("1"), [], ("", "")),
        (asks("3"), [], ("", "")),
        (asks("500m"), [pod(asks("4"))], ("", "")),
        (asks("5"), [], ("Infeasible", "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000")),
        (
            asks("1", "9Gi"),
            [],
            ("Infeasible", "Node didn't have enough capacity: memory, requested: 9663676416, capacity: 8589934592"),
        ),
        (
            asks("3"),
            [pod(asks("1500m"))],
            ("Deferred", "Node didn't have enough resource: cpu, requested: 3000, used: 1500, capacity: 4000"),
        ),
    ],
)
def test_verdicts(wish: Obj, others: list[Obj], pending: tuple[str, str]) -> None:
    if wish == asks("500m"):
        others = [pod(asks("3500m"))]
    verdict = resize.decide(pod(wish), BEFORE, NODE, others)
    assert verdict.pending == pending
    assert verdict.allotted == (BEFORE if pending[0] else {"app": wish["resources"]})
    assert not verdict.restart


@pytest.mark.parametrize(
    ("resource", "policy", "restarts"),
    [("cpu", "RestartContainer", True), ("cpu", "NotRequired", False), ("memory", "RestartContainer", False)],
)
def test_restarts_only_for_what_says_so(resource: str, policy: str, restarts: bool) -> None:
    wish = asks("2", resizePolicy=[{"resourceName": resource, "restartPolicy": policy}])
    assert bool(resize.decide(pod(wish), BEFORE, NODE, []).restart) is restarts


def test_what_an_event_says() -> None:
    wish = pod(asks("2"), inits=(container("first"),))
    assert resize.summary("Deferred", wish, 3, "no room") == (
        'Pod resize Deferred: {"initContainers":[{"name":"first","resources":{}}],'
        '"containers":[{"name":"app","resources":{"requests":{"cpu":"2","memory":"1Gi"}}}],'
        '"generation":3,"error":"no room"}'
    )
    assert resize.summary("started", pod(asks("2")), 2).endswith('],"generation":2}')


@pytest.mark.parametrize(
    ("have", "wish", "limit"),
    [("2Mi", "1Mi", 1 << 20), ("1Mi", "2Mi", 0), ("1Mi", "1Mi", 0), ("", "1Mi", 1 << 20), ("1Mi", "", 0)],
)
def test_lowered_limits(have: str, wish: str, limit: int) -> None:
    before, after = ({"limits": {"memory": m}} if m else {} for m in (have, wish))
    assert resize.lowered_memory(before, after) == limit


def test_what_is_granted_counts() -> None:
    granted = resize.with_allotted(pod(asks("2")), {"app": {"requests": {"cpu": "1"}}})
    assert granted["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "1"}}


def test_sidecars_are_resized_and_init_containers_are_not() -> None:
    inits = (container("first"), container("side", restartPolicy="Always", resources={"requests": {"cpu": "1"}}))
    assert list(resize.wanted(pod(inits=inits))) == ["side", "app"]
