"""cordon, uncordon, taint and drain."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kubectl.objects import pod
from tests.support.cluster import TestCluster
from tests.support.nodes import untainted

Obj = dict[str, Any]


@pytest.fixture
def nodes(cluster: TestCluster) -> TestCluster:
    for i in (1, 2):
        metadata = {"name": f"node-{i}", "labels": {"zone": f"z{i}"}}
        taints = [{"key": "old", "value": "x", "effect": "NoSchedule"}]
        untainted(cluster.client, {"metadata": metadata, "spec": {"taints": taints}})
    return cluster


def spec(cluster: TestCluster, name: str = "node-1") -> Obj:
    found: Obj = cluster.client.get("nodes", name)["spec"]
    return found


def test_cordon_and_back(nodes: TestCluster) -> None:
    assert nodes.cli("cordon", "node-1", "--dry-run=client").out == "node/node-1 cordoned (dry run)\n"
    assert "unschedulable" not in spec(nodes)
    assert nodes.cli("cordon", "node-1").out == "node/node-1 cordoned\n"
    assert spec(nodes)["unschedulable"] is True
    assert nodes.cli("cordon", "node-1").out == "node/node-1 already cordoned\n"
    assert nodes.cli("uncordon", "-l", "zone=z1").out == "node/node-1 uncordoned\n"
    assert "unschedulable" not in spec(nodes)
    assert nodes.cli("cordon", "none").err == 'Error from server (NotFound): nodes "none" not found\n'
    assert nodes.cli("cordon").err == (
        "error: USAGE: cordon NODE [flags]\nSee 'kubectl cordon -h' for help and examples\n"
    )


@pytest.mark.parametrize(
    ("argv", "word", "taints"),
    [
        (["new=1:NoExecute"], "tainted", ["new=1:NoExecute", "old=x:NoSchedule"]),
        (["old-"], "untainted", []),
        (["old:NoSchedule-"], "untainted", []),
        (["old-", "a:NoSchedule"], "untainted", ["a:NoSchedule"]),
        (["old=y:NoSchedule", "--overwrite"], "modified", ["old=y:NoSchedule"]),
    ],
)
def test_taint(nodes: TestCluster, argv: list[str], word: str, taints: list[str]) -> None:
    result = nodes.cli("taint", "nodes", "node-1", *argv)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("node/node-1 ")
    if word != "untainted" or len(argv) == 1:
        assert result.out == f"node/node-1 {word}\n"
    found = spec(nodes).get("taints") or []
    shown = [f"{t['key']}={t['value']}:{t['effect']}" if t.get("value") else f"{t['key']}:{t['effect']}" for t in found]
    assert sorted(shown) == taints


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nodes", "node-1"], "at least one taint update is required"),
        (["nodes", "node-1", "a=b:Never"], "invalid taint effect: Never, unsupported taint effect"),
        (["nodes", "node-1", "a=b"], "invalid taint spec: a=b"),
        (["pods", "x", "a:NoSchedule"], "invalid resource type pods, only node types are supported"),
        (["nodes", "a:NoSchedule"], "at least one resource name must be specified since 'all' parameter is not set"),
        (["nodes", "node-1", "none-"], 'taint "none" not found'),
        (
            ["nodes", "node-1", "old=z:NoSchedule"],
            "node node-1 already has old taint(s) with same effect(s) and --overwrite",
        ),
        (
            ["nodes", "node-1", "a:NoSchedule", "a-"],
            "can not both modify and remove the following taint(s) in the same",
        ),
        (["nodes", "node-1", "a:NoSchedule", "node-2"], "all resources must be specified before taint changes: node-2"),
    ],
)
def test_what_is_no_taint(nodes: TestCluster, argv: list[str], message: str) -> None:
    result = nodes.cli("taint", *argv)
    assert result.code == 1
    assert result.err.startswith(f"error: {message}"), result.err


def test_all_nodes(nodes: TestCluster) -> None:
    result = nodes.cli("taint", "nodes", "--all", "a:NoSchedule")
    assert result.out == "node/node-1 tainted\nnode/node-2 tainted\n"


def test_drain_refuses_what_would_be_lost(nodes: TestCluster) -> None:
    data = {"volumes": [{"name": "data", "emptyDir": {}}]}
    nodes.client.create("pods", pod("alone", nodeName="node-1"), "default")
    nodes.client.create("pods", pod("data", nodeName="node-1", **data), "default")
    result = nodes.cli("drain", "node-1")
    assert result.code == 1
    assert result.out == "node/node-1 cordoned\n"
    lines = result.err.splitlines()
    assert lines[1:3] == ["There are pending nodes to be drained:", " node-1"]
    assert "cannot delete Pods that declare no controller (use --force to override): default/alone" in lines[0]
    assert "cannot delete Pods with local storage (use --delete-emptydir-data to override): default/data" in lines[0]
    dry = nodes.cli("drain", "node-1", "--force", "--delete-emptydir-data", "--dry-run=client")
    assert dry.out == (
        "node/node-1 already cordoned (dry run)\nevicting pod default/alone (dry run)\n"
        "evicting pod default/data (dry run)\nnode/node-1 drained (dry run)\n"
    )
    assert dry.err == "Warning: deleting Pods that declare no controller: default/alone, default/data\n"


def test_drain_removes_pods(nodes: TestCluster) -> None:
    nodes.client.create("pods", pod("alone", nodeName="node-1"), "default")
    nodes.client.create("pods", pod("other", nodeName="node-2"), "default")
    argv = ["drain", "node-1", "--force", "--grace-period=0", "--disable-eviction"]
    result = nodes.cli(*argv)
    assert result.out == "node/node-1 cordoned\npod/alone deleted\nnode/node-1 drained\n"
    assert [p["metadata"]["name"] for p in nodes.client.list("pods", "default")["items"]] == ["other"]


def test_drain_evicts_and_waits_for_budgets(nodes: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes.client.create("pods", {**pod("web", nodeName="node-1")}, "default")
    running = nodes.client.get("pods", "web", "default")
    conditions = [{"type": "Ready", "status": "True"}]
    nodes.client.update(
        "pods", {**running, "status": {"phase": "Running", "conditions": conditions}}, subresource="status"
    )
    spec_ = {"minAvailable": 1, "selector": {}}
    made = nodes.client.create("poddisruptionbudgets", {"metadata": {"name": "all"}, "spec": spec_}, "default")
    status: Obj = {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
    nodes.client.update(
        "poddisruptionbudgets", {**made, "status": {**status, "disruptionsAllowed": 0}}, subresource="status"
    )

    def relent(_seconds: float) -> None:
        """What would happen meanwhile: another pod has come up, and the agent ends this one at once."""
        changed = {"status": {"disruptionsAllowed": 1}}
        nodes.client.patch("poddisruptionbudgets", "all", changed, "default", subresource="status")

    monkeypatch.setattr("time.sleep", relent)
    monkeypatch.setattr("minikctl.kubectl.draining.RETRY_SECONDS", 0)
    dry = nodes.cli("drain", "node-1", "--force", "--dry-run=server")
    assert dry.out.splitlines()[1] == "evicting pod default/web (server dry run)"
    nodes.client.patch(
        "poddisruptionbudgets", "all", {"status": {"disruptionsAllowed": 0}}, "default", subresource="status"
    )
    result = nodes.cli("drain", "node-1", "--force", "--grace-period=0")
    assert result.out.splitlines() == [
        "node/node-1 cordoned",
        "evicting pod default/web",
        "evicting pod default/web",
        "pod/web evicted",
        "node/node-1 drained",
    ]
    assert (
        'error when evicting pods/"web" -n "default" (will retry after 0s): '
        "Cannot evict pod as it would violate the pod's disruption budget."
    ) in result.err.splitlines()


def test_one_pod_that_stays_does_not_keep_the_others(nodes: TestCluster) -> None:
    """Budgets are of different pods: everybody has a turn at once, and what could not leave is named at the end."""
    for name in ("stays", "goes"):
        made = pod(name, nodeName="node-1")
        made["metadata"]["labels"] = {"app": name}
        nodes.client.create("pods", made, "default")
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        nodes.client.patch("pods", name, {"status": status}, "default", subresource="status")
    selector = {"matchLabels": {"app": "stays"}}
    spec_: Obj = {"minAvailable": 1, "selector": selector}
    nodes.client.create("poddisruptionbudgets", {"metadata": {"name": "b"}, "spec": spec_}, "default")
    result = nodes.cli("drain", "node-1", "--force", "--grace-period=0", "--timeout=1ms")
    assert result.code == 1
    assert "global timeout reached: 0.001s" in result.err or "will retry after 5s" in result.err


def test_a_drain_by_deletion_gives_up_in_time(nodes: TestCluster) -> None:
    nodes.client.create("pods", pod("alone", nodeName="node-1"), "default")
    result = nodes.cli("drain", "node-1", "--force", "--disable-eviction", "--timeout=50ms")
    assert result.code == 1
    assert result.err.splitlines()[1:] == [
        'There are pending pods in node "node-1" when an error occurred: context deadline exceeded',
        "pod/alone",
        'error: unable to drain node "node-1" due to error: context deadline exceeded, continuing command...',
        "There are pending nodes to be drained:",
        " node-1",
        "error: context deadline exceeded",
    ], result.err
