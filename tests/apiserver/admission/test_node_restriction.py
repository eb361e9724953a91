"""NodeRestriction: what a kubelet may touch."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import DeleteOptions
from tests.apiserver.admission.building import pod
from tests.support.cluster import TestCluster

MIRROR = {"kubernetes.io/config.mirror": "x"}


@pytest.fixture
def nodes(cluster: TestCluster) -> TestCluster:
    for name in ("mine", "other"):
        cluster.client.create("nodes", {"metadata": {"name": name}})
        cluster.client.create("pods", pod(f"on-{name}", nodeName=name), "default")
    return cluster


def kubelet(cluster: TestCluster) -> Any:
    return cluster.client.for_actor("kubelet/mine")


def test_its_own_node_and_pods(nodes: TestCluster) -> None:
    client = kubelet(nodes)
    client.patch("nodes", "mine", {"metadata": {"labels": {"disk": "ssd", "topology.kubernetes.io/zone": "z"}}})
    client.patch("nodes", "mine", {"status": {"phase": "Running"}}, subresource="status")
    client.patch("pods", "on-mine", {"status": {"message": "hi"}}, "default", subresource="status")
    client.delete("pods", "on-mine", "default", options=DeleteOptions(grace_period=0))
    client.create("leases", {"metadata": {"name": "mine"}, "spec": {}}, "kube-node-lease")
    client.create("events", {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}}, "default")


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (
            lambda c: c.patch("nodes", "other", {"metadata": {"labels": {"a": "b"}}}),
            'nodes "other" is forbidden: node "mine" is not allowed to modify node "other"',
        ),
        (
            lambda c: c.create("nodes", {"metadata": {"name": "third"}}),
            'node "mine" is not allowed to modify node "third"',
        ),
        (
            lambda c: c.patch("nodes", "mine", {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "1"}}}),
            "is not allowed to modify the following labels: node-restriction.kubernetes.io/x",
        ),
        (
            lambda c: c.patch("nodes", "mine", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}),
            'node "mine" is not allowed to modify taints',
        ),
        (
            lambda c: c.patch("pods", "on-other", {"status": {"message": "x"}}, "default", subresource="status"),
            'node "mine" can only update pod status for pods with spec.nodeName set to itself',
        ),
        (
            lambda c: c.delete("pods", "on-other", "default"),
            'node "mine" can only delete pods with spec.nodeName set to itself',
        ),
        (
            lambda c: c.create("pods", pod("new", nodeName="mine"), "default"),
            'pod does not have "kubernetes.io/config.mirror" annotation, node "mine" can only create mirror pods',
        ),
        (
            lambda c: c.create("leases", {"metadata": {"name": "other"}, "spec": {}}, "kube-node-lease"),
            "can only access node lease with the same name as the requesting node",
        ),
        (
            lambda c: c.create("serviceaccounts", {"spec": {}}, "default", name="default", subresource="token"),
            "node requested token not bound to a pod",
        ),
        (
            lambda c: c.create("pods", {"metadata": {"name": "on-other"}}, "default", name="on-other", subresource="eviction"),
            "node mine can only evict pods with spec.nodeName set to itself",
        ),
    ],
)  # fmt: skip
def test_what_is_not_its_own(nodes: TestCluster, do: Any, why: str) -> None:
    with pytest.raises(ApiError) as refused:
        do(kubelet(nodes))
    assert refused.value.reason == "Forbidden"
    assert refused.value.message.endswith(why), refused.value.message


def test_mirror_pods(nodes: TestCluster) -> None:
    def mirror(node: str) -> Obj:
        made = pod(f"static-{node}", nodeName=node)
        owner = nodes.client.get("nodes", node)["metadata"]
        refs = [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": owner["uid"], "controller": True}]
        return {**made, "metadata": {**made["metadata"], "annotations": MIRROR, "ownerReferences": refs}}

    kubelet(nodes).create("pods", mirror("mine"), "default")
    with pytest.raises(ApiError, match=r"can only create pods with spec\.nodeName set"):
        kubelet(nodes).create("pods", mirror("other"), "default")
