"""What is told of a node's conditions, and what it has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet.machine import Machine
from minikctl.kubelet.node import NodeConfig, news, node_status, storage_object

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Machine(2, 4 << 30, 8 << 30, "amd64", "linux", "6.1", "Debian", "m", "s", "b", "127.0.0.1")


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"MemoryPressure": "False", "Ready": "True"}, ["NodeHasSufficientMemory", "NodeReady"]),
        ({"Ready": "True"}, {"Ready": "True"}, []),
        ({"Ready": "Unknown"}, {"Ready": "True"}, ["NodeReady"]),
        ({"Ready": "True"}, {"Ready": "False"}, ["NodeNotReady"]),
        ({"DiskPressure": "False"}, {"DiskPressure": "True"}, ["NodeHasDiskPressure"]),
        ({"DiskPressure": "True"}, {"DiskPressure": "False"}, ["NodeHasNoDiskPressure"]),
        ({"PIDPressure": "False"}, {"PIDPressure": "True"}, ["NodeHasInsufficientPID"]),
        ({}, {"ContainersIsolated": "False"}, []),
    ],
)
def test_news(before: dict[str, str], after: dict[str, str], reasons: list[str]) -> None:
    conditions = [[{"type": t, "status": s} for t, s in given.items()] for given in (before, after)]
    assert news(*conditions) == reasons


def test_its_drivers() -> None:
    found = storage_object({"metadata": {"name": "n", "uid": "u"}})
    assert found["metadata"]["ownerReferences"] == [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]
    assert found["metadata"]["name"] == "n" and found["spec"] == {"drivers": []}


@pytest.mark.parametrize(
    ("before", "capacity"),
    [
        ({}, {}),
        ({"capacity": {"example.com/dongle": "4", "cpu": "99"}}, {"example.com/dongle": "4"}),
        (
            {"capacity": {"scheduling.k8s.io/foo": "3"}, "allocatable": {"gone.com/x": "1"}},
            {"scheduling.k8s.io/foo": "3"},
        ),
        ({"allocatable": {"example.com/dongle": "4"}}, {}),
    ],
)
def test_extended_resources_are_what_somebody_advertises(before: Obj, capacity: dict[str, str]) -> None:
    """Source: task "Advertise Extended Resources for a Node"."""
    after = node_status(before, NodeConfig("node-1"), MACHINE, "x://1", [], NOW)
    for part in ("capacity", "allocatable"):
        assert {k: v for k, v in after[part].items() if "/" in k} == capacity
    assert after["capacity"]["cpu"] == "2"
