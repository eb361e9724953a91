"""Ranges of cluster IPs: readiness, and deletion while Services hold addresses."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.api.service_ranges import ALLOCATOR, MANAGED_BY, holders_left
from minikctl.controllers.service_cidrs import AGAIN, FINALIZER, ServiceCIDRController
from tests.controllers.conftest import MakePlane

MORE = "203.0.113.0/24"


def cidr(name: str, *cidrs: str) -> Obj:
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def address(ip: str, manager: str = ALLOCATOR) -> Obj:
    return {"metadata": {"name": ip, "labels": {MANAGED_BY: manager}}}


@pytest.mark.parametrize(
    ("others", "held", "left"),
    [
        ([], ["203.0.113.7", "10.96.0.1", "2001:db8::1"], ["203.0.113.7"]),
        ([cidr("wide", "203.0.0.0/16")], ["203.0.113.7"], []),
        ([cidr("half", "203.0.113.0/25")], ["203.0.113.7", "203.0.113.200"], ["203.0.113.200"]),
        ([{**cidr("going", "203.0.0.0/16"), "metadata": {"name": "going", "deletionTimestamp": "x"}}], ["203.0.113.7"], ["203.0.113.7"]),
        ([cidr("six", "2001:db8::/32")], ["203.0.113.7"], ["203.0.113.7"]),
    ],
)  # fmt: skip
def test_who_holds_addresses_of_a_range_alone(others: list[Obj], held: list[str], left: list[str]) -> None:
    assert holders_left(cidr("more", MORE), others, [*map(address, held), address("203.0.113.9", "somebody")]) == left


def test_a_range_lives_as_long_as_it_is_used(plane_of: MakePlane) -> None:
    plane = plane_of(ServiceCIDRController, kubelet=False)
    client = plane.cluster.client

    def ready() -> Obj:
        found: Obj = client.get("servicecidrs", "more")["status"]["conditions"][0]
        return {k: v for k, v in found.items() if k != "lastTransitionTime"}

    client.create("servicecidrs", cidr("more", MORE))
    plane.settle()
    assert client.get("servicecidrs", "more")["metadata"]["finalizers"] == [FINALIZER]
    assert ready() == {"type": "Ready", "status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready"}

    spec = {"clusterIP": "203.0.113.7", "ports": [{"port": 80}]}
    client.create("services", {"metadata": {"name": "web"}, "spec": spec}, "default")
    client.delete("servicecidrs", "more")
    plane.settle()
    assert (ready()["status"], ready()["reason"]) == ("False", "Terminating")
    client.delete("services", "web", "default")
    plane.settle(AGAIN + 0.1)
    assert "more" not in [c["metadata"]["name"] for c in client.list("servicecidrs")["items"]]
