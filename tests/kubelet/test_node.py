"""What is told of a node's conditions."""

from __future__ import annotations

import pytest

from minikctl.kubelet.node import news, storage_object


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
    assert found["metadata"]["name"] == "n" and found["spec"] == {"drivers": None}
