"""Addresses of Services: the bands of the ranges, full ranges, and writers that die in the middle."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.apiserver import services
from minikctl.apiserver.request import Context
from minikctl.apiserver.services import GRACE, ServiceAddresses
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster


@pytest.fixture
def still(tmp_path: Path) -> Iterator[TestCluster]:
    made = TestCluster(tmp_path / "state", clock=FakeClock())
    yield made
    made.close()


def service(name: str = "a", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": [{"port": 80}], **spec}}


def create(cluster: TestCluster, name: str, **spec: Any) -> dict[str, Any]:
    return cluster.client.create("services", service(name, **spec), "default")["spec"]


def die_in_the_middle(cluster: TestCluster, obj: dict[str, Any]) -> dict[str, Any]:
    """Take a Service's addresses and store nothing, as a writer that is killed does."""
    kind = cluster.api.kind("services")
    assert kind.default is not None
    kind.default(obj)
    ServiceAddresses(cluster.api).before_create(obj, Context(user=cluster.client.user, actor="test"))
    return obj["spec"]


def test_the_lowest_addresses_are_kept_for_those_who_ask(cluster: TestCluster) -> None:
    for i in range(60):
        spec = create(cluster, f"s{i}", type="NodePort")
        offset = int(ipaddress.IPv4Address(spec["clusterIP"])) - int(ipaddress.IPv4Address("10.96.0.0"))
        assert 256 < offset < 65535 and spec["ports"][0]["nodePort"] >= 30086
    low = create(cluster, "low", clusterIP="10.96.0.20", type="NodePort", ports=[{"port": 80, "nodePort": 30005}])
    assert (low["clusterIP"], low["ports"][0]["nodePort"]) == ("10.96.0.20", 30005)


def test_a_full_range_of_cluster_ips(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SERVICE_CIDR", "10.96.0.0/27")
    given = [create(cluster, f"s{i}")["clusterIP"] for i in range(30)]
    assert len(set(given)) == 30
    with pytest.raises(ApiError, match="failed to allocate a serviceIP: range is full"):
        create(cluster, "more")
    cluster.client.delete("services", "s7", "default")
    assert create(cluster, "more")["clusterIP"] == given[7]


def test_other_ranges(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """They give addresses when they are ready, to who asks for one and when the cluster's own range is full."""
    monkeypatch.setattr(services, "SERVICE_CIDR", "10.96.0.0/28")
    client, ready = cluster.client, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    client.create("servicecidrs", {"metadata": {"name": "tiny"}, "spec": {"cidrs": ["203.0.112.0/31"]}})
    client.patch("servicecidrs", "tiny", ready, subresource="status")
    client.create(
        "servicecidrs", {"metadata": {"name": "more"}, "spec": {"cidrs": ["203.0.113.0/28", "2001:db8::/64"]}}
    )
    with pytest.raises(ApiError, match="does not match the current range"):
        create(cluster, "a", clusterIP="203.0.113.5")
    client.patch("servicecidrs", "more", ready, subresource="status")
    assert create(cluster, "a", clusterIP="203.0.113.5")["clusterIP"] == "203.0.113.5"
    with pytest.raises(ApiError, match="provided IP is already allocated"):
        create(cluster, "b", clusterIP="203.0.113.5")
    given = [create(cluster, f"s{i}")["clusterIP"] for i in range(14 + 13)]
    assert sum(ip.startswith("203.0.113.") for ip in given) == 13 and len(set(given)) == 27
    with pytest.raises(ApiError, match="failed to allocate a serviceIP: range is full"):
        create(cluster, "too-many")


def test_a_full_range_of_node_ports(still: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_PORTS", range(30000, 30090))
    left = die_in_the_middle(still, service("ghost", type="NodePort"))["ports"][0]["nodePort"]
    ports = [{"name": f"p{i}", "port": i + 1} for i in range(89)]
    create(still, "many", type="NodePort", ports=ports)
    with pytest.raises(ApiError, match="failed to allocate a nodePort: range is full"):
        create(still, "more", type="NodePort")
    assert still.client.get("ipaddresses", create(still, "plain")["clusterIP"]), "it has taken no address"
    still.clock.advance(GRACE + 1)  # type: ignore[attr-defined]
    assert create(still, "more", type="NodePort")["ports"][0]["nodePort"] == left


def test_more_ports_than_there_are(still: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one Service takes is not free for its next port, though nobody knows of the Service yet."""
    monkeypatch.setattr(services, "_PORTS", range(30000, 30090))
    ports = [{"name": f"p{i}", "port": i + 1} for i in range(91)]
    with pytest.raises(ApiError, match="failed to allocate a nodePort: range is full"):
        create(still, "greedy", type="NodePort", ports=ports)
    create(still, "modest", type="NodePort", ports=ports[:90])


@pytest.mark.parametrize("wanted", [{"clusterIP": "10.96.0.20"}, {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30005}]}])  # fmt: skip
def test_what_a_dead_writer_took_is_free_after_a_while(still: TestCluster, wanted: dict[str, Any]) -> None:
    die_in_the_middle(still, service("ghost", **wanted))
    with pytest.raises(ApiError, match="already allocated"):
        create(still, "a", **wanted)
    with pytest.raises(ApiError, match="already allocated"):
        create(still, "ghost", **wanted)
    still.clock.advance(GRACE + 1)  # type: ignore[attr-defined]
    create(still, "a", **wanted)
    with pytest.raises(ApiError, match="already allocated"):
        create(still, "b", **wanted)


def test_two_writers_at_once_never_get_the_same_port(still: TestCluster) -> None:
    first = die_in_the_middle(still, service("first", type="NodePort"))["ports"][0]["nodePort"]
    with pytest.raises(ApiError, match="already allocated"):
        create(still, "second", type="NodePort", ports=[{"port": 80, "nodePort": first}])


def test_the_table_forgets_when_ports_were_taken(still: TestCluster) -> None:
    create(still, "a", type="NodePort")
    still.clock.advance(GRACE + 1)  # type: ignore[attr-defined]
    port = create(still, "b", type="NodePort")["ports"][0]["nodePort"]
    table = still.store.get("ranges/servicenodeports")
    assert table is not None and list(table["takenAt"]) == [str(port)] and len(table["ports"]) == 2
