"""Load balancers' addresses."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.controllers.service_lb import ServiceLBController, addresses_of, choose, range_of
from tests.controllers.conftest import MakePlane
from tests.support.cluster import TestCluster

SETTINGS = {"uid": "one", "created": "", "nodes": 1}


def create(cluster: TestCluster, name: str = "web", **spec: Any) -> None:
    whole = {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}
    cluster.client.create("services", {"metadata": {"name": name}, "spec": whole}, "default")


def given(cluster: TestCluster, name: str = "web") -> list[str]:
    return addresses_of(cluster.client.get("services", name, "default"))


def reasons(cluster: TestCluster) -> list[tuple[str, str]]:
    return [(e["reason"], e["message"]) for e in cluster.client.list("events", "default")["items"]]


def test_a_load_balancer_gets_an_address(still: TestCluster, plane_of: MakePlane) -> None:
    plane = plane_of(ServiceLBController, settings=SETTINGS)
    create(still)
    create(still, "other")
    create(still, "plain", type="ClusterIP")
    create(still, "classy", loadBalancerClass="example.com/lb")
    plane.settle()
    network = range_of("one")
    assert {a.rpartition(".")[0] for n in ("web", "other") for a in given(still, n)} == {str(network)[:-5]}
    assert given(still) != given(still, "other") and given(still, "plain") == given(still, "classy") == []
    assert {r for r, _ in reasons(still)} == {"EnsuringLoadBalancer", "EnsuredLoadBalancer"}
    before = given(still)
    still.client.delete("services", "web", "default")
    create(still)
    plane.settle()
    assert given(still) == before, "the same name has the same address again"


def test_an_address_that_is_asked_for(still: TestCluster, plane_of: MakePlane) -> None:
    plane = plane_of(ServiceLBController, settings=SETTINGS)
    create(still, loadBalancerIP="127.77.0.1")
    create(still, "second", loadBalancerIP="127.77.0.1")
    create(still, "third", loadBalancerIP="192.0.2.1")
    plane.settle()
    assert given(still) + given(still, "second") == ["127.77.0.1"] and given(still, "third") == []
    failed = [m for r, m in reasons(still) if r == "SyncLoadBalancerFailed"]
    assert any("127.77.0.1 is taken by another Service" in m for m in failed)
    assert any("192.0.2.1 is not in 127.0.0.0/8" in m for m in failed)


@pytest.mark.parametrize("settings", [{}, {**SETTINGS, "simulated": True}])
def test_nobody_could_listen(still: TestCluster, plane_of: MakePlane, settings: dict[str, Any]) -> None:
    plane = plane_of(ServiceLBController, settings=settings)
    create(still)
    plane.settle()
    assert given(still) == []


def test_a_full_range() -> None:
    network = range_of("x")
    taken: set[str] = set()
    for i in range(254):
        taken.add(choose(f"default/s{i}", taken, network))
    assert len(taken) == 254 and "" not in taken
    assert choose("default/more", taken, network) == ""
