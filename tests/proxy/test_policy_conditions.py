"""What nodes say about NetworkPolicies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj, find_condition
from minikctl.kubelet import node as kubelet_node
from minikctl.proxy.policy.conditions import TYPE, NodeConditions
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster

NETWORK = "172.18.0.0/16"


def node(name: str, address: str, *conditions: Obj, runtime: str = "minikctl-sandbox://0.1.0") -> Obj:
    status: dict[str, Any] = {
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "nodeInfo": {"containerRuntimeVersion": runtime},
        "conditions": list(conditions),
    }
    return {"metadata": {"name": name}, "status": status}


def test_the_kubelet_means_the_same_condition() -> None:
    assert kubelet_node.POLICY == TYPE


@pytest.mark.parametrize(
    ("there", "lacks_without_nft", "lacks_with_nft"),
    [
        (node("n", "172.18.0.2"), True, False),
        (node("n", "172.18.0.2", {"type": TYPE, "status": "False", "reason": "NoNftables"}), True, True),
        (node("n", "127.0.0.1"), False, False),
        (node("n", "fd00::1"), False, False),
        (node("n", "172.18.0.2", runtime="minikctl-simulated://0.1.0"), False, False),
        ({"metadata": {"name": "new"}}, False, False),
    ],
)
def test_where_something_is_to_be_told(there: Obj, lacks_without_nft: bool, lacks_with_nft: bool) -> None:
    assert NodeConditions(None, NETWORK, "nft is not installed").lacks(there) is lacks_without_nft  # type: ignore[arg-type]
    assert NodeConditions(None, NETWORK, "").lacks(there) is lacks_with_nft  # type: ignore[arg-type]


def test_it_is_told_once_and_taken_back(tmp_path: Path) -> None:
    cluster, clock = TestCluster(tmp_path / "state"), FakeClock()
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    made = cluster.client.create("nodes", node("n", "172.18.0.2", ready))

    def tell(why: str) -> Obj:
        nodes = cluster.client.list("nodes")["items"]
        NodeConditions(cluster.client, NETWORK, why, clock).tell(nodes)
        return cluster.client.get("nodes", "n")  # type: ignore[no-any-return]

    told = tell("nft is not installed")
    condition = find_condition(told["status"]["conditions"], TYPE)
    assert condition is not None and condition["status"] == "False"
    assert condition["message"].endswith("outside of the cluster: nft is not installed")
    assert find_condition(told["status"]["conditions"], "Ready") == made["status"]["conditions"][0]
    assert tell("nft is not installed") == told
    condition = find_condition(tell("")["status"]["conditions"], TYPE)
    assert condition is not None and (condition["status"], condition["reason"]) == ("True", "RulesInKernel")
    cluster.close()
