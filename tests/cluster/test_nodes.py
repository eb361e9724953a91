"""Nodes that come and go while the cluster runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minikctl.api.meta import condition_is
from minikctl.client.local import LocalClient
from minikctl.client.state_dir import Cluster
from minikctl.cluster import layout, nodes
from minikctl.cluster.commands.cluster.node.add import labels, taint
from minikctl.util.errors import UsageError
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


def cluster(**fields: object) -> Cluster:
    return Cluster("u", "2026-01-01T00:00:00Z", **{"nodes": 2, **fields})  # type: ignore[arg-type]


def agents(wanted: Cluster) -> list[tuple[str, ...]]:
    return [c.nodes for c in layout.components(wanted) if c.nodes]


def test_names_and_numbers_are_not_used_twice() -> None:
    one, first = nodes.with_added(cluster(), "", {})
    two, second = nodes.with_added(one, "gpu", {"cpu": "4"})
    three, third = nodes.with_added(two, "", {})
    assert (first, second, third) == ("node-3", "gpu", "node-5")
    assert [three.node_index(n) for n in three.node_names()] == [1, 2, 3, 4, 5]
    four, again = nodes.with_added(nodes.with_removed(three, "node-3"), "", {})
    assert again == "node-3" and four.node_names() == ["node-1", "node-2", "gpu", "node-5", "node-3"]
    odd, _ = nodes.with_added(cluster(), "node-4", {})
    assert nodes.with_added(odd, "", {})[1] == "node-5"
    with pytest.raises(UsageError, match="node gpu is there already"):
        nodes.with_added(two, "gpu", {})


def test_what_a_node_is_told() -> None:
    given = {"cpu": "2", "memory": "4Gi", "pods": 5, "labels": {"a": "b"}, "taints": [{"key": "x"}], "zone": "z"}
    made, name = nodes.with_added(cluster(), "", given)
    found = nodes.config(made, name)
    assert (found.index, found.max_pods, found.resources) == (3, 5, {"cpu": "2", "memory": "4Gi"})
    assert found.labels == {"a": "b", "topology.kubernetes.io/zone": "z"} and found.taints == ({"key": "x"},)
    assert nodes.config(made, "node-1").max_pods == 110 and nodes.config(made, "node-1").resources == {}


def test_who_is_looked_after() -> None:
    made, _ = nodes.with_added(cluster(), "sim", {"simulated": True})
    assert agents(made) == [("node-1",), ("node-2",), ("sim",)]
    assert agents(nodes.with_stopped(made, "node-1")) == [("node-2",), ("sim",)]
    assert agents(nodes.with_removed(made, "node-2")) == [("node-1",), ("sim",)]
    assert agents(nodes.with_started(nodes.with_stopped(made, "sim"), "sim")) == agents(made)
    assert agents(cluster(simulated=True)) == [("node-1", "node-2")]
    gone = nodes.with_removed(nodes.with_stopped(made, "node-1"), "node-1")
    assert gone.stopped == [] and gone.with_(nodes=1).node_names() == ["node-1", "sim"]


@pytest.mark.parametrize("change", [nodes.with_removed, nodes.with_stopped, nodes.with_started])
def test_unknown_names(change: object) -> None:
    with pytest.raises(UsageError, match="no node of this cluster is called x; there are node-1, node-2"):
        change(cluster(), "x")  # type: ignore[operator]


def test_not_twice() -> None:
    with pytest.raises(UsageError, match="is not stopped"):
        nodes.with_started(cluster(), "node-1")
    with pytest.raises(UsageError, match="is stopped already"):
        nodes.with_stopped(nodes.with_stopped(cluster(), "node-1"), "node-1")


def test_labels_and_taints() -> None:
    assert labels("a=b,c=") == {"a": "b", "c": ""}
    assert taint("a=b:NoSchedule") == {"key": "a", "value": "b", "effect": "NoSchedule"}
    assert taint("a:NoExecute") == {"key": "a", "effect": "NoExecute"}
    for wrong in ("a", "a=b:Sometimes", ":NoSchedule", "a b:NoSchedule"):
        with pytest.raises(UsageError, match="is not a taint"):
            taint(wrong)
    for wrong in ("a", "a b=c", "a=b c"):
        with pytest.raises(UsageError, match="is not a label"):
            labels(wrong)


# ---------------------------------------------------------------------- live


def node_names(root: Path) -> list[str]:
    client = LocalClient.on_files(root, actor="test")
    try:
        return [n["metadata"]["name"] for n in client.list("nodes")["items"] if condition_is(n, "Ready")]
    finally:
        client.close()


def test_simulated_nodes_come_and_go(daemon: Daemon) -> None:
    daemon.start("--nodes", "2", "--simulated")
    added = daemon.run("cluster", "node", "add", "--count", "2", "--pods", "1", "--zone", "b")
    assert added.out == "node/node-3 added\nnode/node-4 added\n"
    assert node_names(daemon.root) == ["node-1", "node-2", "node-3", "node-4"]
    assert daemon.run("cluster", "node", "remove", "node-1").out == "node/node-1 removed\n"
    assert daemon.run("cluster", "node", "stop", "node-2").out == "node/node-2 stopped\n"
    assert node_names(daemon.root) == ["node-2", "node-3", "node-4"]
    assert not (daemon.root / "run" / "kubelet-node-2.sock").exists()
    assert daemon.run("cluster", "node", "stop", "node-2").err == "error: node node-2 is stopped already\n"
    daemon.run("cluster", "restart")
    assert "Nodes     2/2 simulated nodes ready" in daemon.run("cluster", "status").out
    assert daemon.run("cluster", "node", "start", "node-2").out == "node/node-2 started\n"
    assert daemon.run("cluster", "node", "add", "--cpu", "much").err.startswith(
        "error: --cpu: 'much' is not a quantity"
    )


def test_a_real_node_that_is_switched_off_takes_its_containers_along(daemon: Daemon) -> None:
    daemon.start()
    daemon.run("cluster", "node", "add", "other", "--labels", "disk=ssd")
    for name, node in (("here", "node-1"), ("there", "other")):
        overrides = json.dumps({"spec": {"nodeName": node}})
        daemon.run("run", name, "--image=busybox", f"--overrides={overrides}", "--", "sleep", "600")
    assert daemon.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=20s").code == 0

    def exits() -> list[str]:
        return sorted(p.parent.parent.name for p in (daemon.root / "pods").glob("*/containers/*/*/exit"))

    assert exits() == []
    assert daemon.run("cluster", "node", "stop", "other").code == 0
    eventually(lambda: len(exits()) == 1)
    assert daemon.run("cluster", "node", "start", "other").code == 0
    restarted = daemon.run(
        "wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/there", "--timeout=20s"
    )
    assert restarted.code == 0, restarted.err
    untouched = daemon.run("get", "pod", "here", "-o", "jsonpath={.status.containerStatuses[0].restartCount}")
    assert untouched.out == "0"
