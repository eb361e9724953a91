"""The cluster autoscaler: what it adds, what it takes away, and what it says, scan by scan, on a clock that stands still."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.api.meta import Obj
from minikctl.client import DeleteOptions
from minikctl.client.informer import InformerFactory
from minikctl.client.state_dir import Cluster
from minikctl.cluster import nodes as cluster_nodes
from minikctl.cluster.autoscaler import groups
from minikctl.cluster.autoscaler.groups import Group
from minikctl.cluster.autoscaler.loop import Autoscaler
from minikctl.cluster.autoscaler.scale_down import SAFE, blocked_by
from minikctl.cluster.presets import PRESETS
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import PumpedHub
from tests.support.daemon import Daemon
from tests.support.nodes import untainted
from tests.support.waiting import eventually

UNSCHEDULABLE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]
SMALL = {"simulated": True, "cpu": "2", "memory": "4Gi", "pods": 20}
LARGE = {"simulated": True, "cpu": "8", "memory": "32Gi", "pods": 110}


class Case:
    """A cluster of one node with 2 cores; `scan` is one look, with everybody's news delivered."""

    def __init__(self, root: Path):
        self.clock = FakeClock()
        self.cluster = TestCluster(root, clock=self.clock)
        self.client = self.cluster.client
        self.hub = PumpedHub(self.cluster.api)
        self.client._hub._hub = self.hub
        self.wanted = Cluster("u", "c", simulated=True)
        self.added: list[str] = []
        self.removed: list[str] = []
        informers = InformerFactory(self.client)
        self.scaler = Autoscaler(self.client, informers, self, clock=self.clock, rng=random.Random(5))
        informers.start()
        self.register("node-1", SMALL)

    # ------------------------------------------------------------------ the cloud

    def read(self) -> Cluster:
        return self.wanted

    def add(self, names: Sequence[str], group: Group) -> None:
        for one in names:
            self.wanted, _ = cluster_nodes.with_added(self.wanted, one, groups.node_settings(group))
            self.added.append(one)

    def remove(self, node: str) -> None:
        self.wanted = cluster_nodes.with_removed(self.wanted, node)
        self.removed.append(node)

    # ------------------------------------------------------------------ the story

    def group(self, name: str = "small", least: int = 0, most: int = 5, node: Any = None, **settings: Any) -> None:
        quick = {"scale_down_unneeded_time": 60.0, "scale_down_delay_after_add": 30.0, **settings}
        self.wanted = groups.with_group(self.wanted, Group(name, least, most, node or SMALL), quick)

    def register(self, name: str, given: dict[str, Any]) -> None:
        node = groups.template(Group("none", 0, 1, given), name)
        labels = {k: v for k, v in node["metadata"]["labels"].items() if k != groups.GROUP_LABEL}
        meta = {"name": name, "labels": {**labels, **(given.get("labels") or {})}}
        untainted(self.client, {"metadata": meta, "spec": {"taints": node["spec"].get("taints") or []}})
        self.client.patch("nodes", name, {"status": node["status"]}, subresource="status")

    def register_all(self) -> None:
        for name in self.added:
            if name not in self.removed and name in self.wanted.added:
                try:
                    self.register(name, self.wanted.added[name])
                except Exception as e:
                    assert "already exists" in str(e)

    def pod(self, name: str, cpu: str = "1500m", node: str = "", **spec: Any) -> Obj:
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": True}
        meta = {"name": name, "labels": {"app": "web"}, **spec.pop("metadata", {"ownerReferences": [owner]})}
        container = {"name": "c", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
        whole = {"containers": [container], **({"nodeName": node} if node else {}), **spec}
        made = self.client.create("pods", {"metadata": meta, "spec": whole}, "default")
        if not node:
            status = {"status": {"conditions": UNSCHEDULABLE}}
            made = self.client.patch("pods", name, status, made["metadata"]["namespace"], subresource="status")
        return made

    def scan(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        self.hub.pump()
        self.scaler.look()
        assert self.scaler.recorder.flush()
        self.hub.pump()

    def said(self, reason: str) -> list[str]:
        events = self.client.list("events")["items"]
        return [f"{e['involvedObject']['name']}: {e['message']}" for e in events if e["reason"] == reason]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path / "state")
    yield made
    made.cluster.close()


# ---------------------------------------------------------------------- up


def test_nodes_come_for_pods_that_fit_nowhere(case: Case) -> None:
    case.group()
    for i in range(4):
        case.pod(f"p{i}")
    case.scan()
    assert len(case.added) == 3  # one of the pods fits on node-1
    assert case.said("TriggeredScaleUp")[0].endswith("pod triggered scale-up: [{small 0->3 (max: 5)}]")
    assert case.said("ScaledUpGroup") == [
        "cluster-autoscaler-status: Scale-up: setting group small size to 3 instead of 0 (max: 5)"
    ]


def test_nodes_that_are_on_their_way_count(case: Case) -> None:
    case.group()
    for i in range(4):
        case.pod(f"p{i}")
    case.scan()
    case.scan(1)
    assert len(case.added) == 3
    case.register_all()
    case.scan(1)
    assert len(case.added) == 3


def test_small_pods_share_a_node(case: Case) -> None:
    case.group()
    for i in range(12):
        case.pod(f"p{i}", cpu="500m")
    case.scan()
    assert len(case.added) == 2


def test_never_more_than_the_maximum(case: Case) -> None:
    case.group(most=2)
    for i in range(6):
        case.pod(f"p{i}")
    case.scan()
    assert len(case.added) == 2
    assert {m.split(": ", 1)[1] for m in case.said("NotTriggerScaleUp")} == {
        "pod didn't trigger scale-up: 1 max node group size reached"
    }


def test_a_group_has_its_minimum(case: Case) -> None:
    case.group(least=2)
    case.scan()
    assert len(case.added) == 2


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"cpu": "3"}, "1 Insufficient cpu"),
        ({"nodeSelector": {"disk": "ssd"}}, "1 node(s) didn't match Pod's node affinity/selector"),
    ],
)
def test_pods_that_no_group_helps_are_told_so_once(case: Case, spec: dict[str, Any], why: str) -> None:
    case.group()
    case.pod("p", **spec)
    case.scan()
    case.scan(10)
    assert case.added == []
    assert case.said("NotTriggerScaleUp") == [f"p: pod didn't trigger scale-up: {why}"]
    assert len(case.client.list("events")["items"]) == 1


@pytest.mark.parametrize(("expander", "grown"), [("least-waste", "small"), ("most-pods", "large")])
def test_the_expander_chooses(case: Case, expander: str, grown: str) -> None:
    case.pod("on-1", node="node-1")
    case.group("large", most=1, node={**LARGE, "cpu": "12"})
    case.group("small", most=2, node=SMALL, expander=expander)
    for i in range(4):
        case.pod(f"p{i}", cpu="1800m")
    case.scan()
    assert {n.rsplit("-", 1)[0] for n in case.added} == {grown}


def test_labels_and_taints_of_a_group_decide(case: Case) -> None:
    gpu = {**SMALL, "labels": {"gpu": "yes"}, "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}
    case.group("gpu", node=gpu)
    case.pod("plain", cpu="1900m", nodeSelector={"gpu": "yes"})
    tolerations = [{"key": "gpu", "operator": "Exists"}]
    case.pod("wants", cpu="1900m", nodeSelector={"gpu": "yes"}, tolerations=tolerations)
    case.scan()
    assert len(case.added) == 1
    assert case.said("TriggeredScaleUp") == ["wants: pod triggered scale-up: [{gpu 0->1 (max: 5)}]"]
    assert case.said("NotTriggerScaleUp")[0].startswith("plain: pod didn't trigger scale-up: 1 node(s) had untolerated")


def test_pods_of_very_low_priority_make_no_nodes(case: Case) -> None:
    case.group()
    case.client.create("priorityclasses", {"metadata": {"name": "filler"}, "value": -11})
    case.pod("p", cpu="1900m", priorityClassName="filler", nodeSelector={"a": "b"})
    case.scan()
    assert case.added == [] and case.said("NotTriggerScaleUp") == []


# ---------------------------------------------------------------------- down


def grown(case: Case, count: int = 2, cpu: str = "500m") -> list[str]:
    """A cluster whose group has some nodes, each with one pod."""
    case.group(least=0)
    for i in range(count + 1):
        case.pod(f"p{i}")
    case.scan()
    assert len(case.added) == count
    case.register_all()
    for i in range(count + 1):
        case.client.delete("pods", f"p{i}", "default")
    for i, node in enumerate(case.added):
        case.pod(f"on-{i}", cpu=cpu, node=node)
    return list(case.added)


def test_empty_nodes_go_after_a_while(case: Case) -> None:
    names = grown(case)
    for i in range(2):
        case.client.delete("pods", f"on-{i}", "default")
    case.scan(31)
    case.scan(59)
    assert case.removed == []
    case.scan(2)
    assert sorted(case.removed) == sorted(names)
    assert len(case.said("ScaleDownEmpty")) == 2
    assert [n["metadata"]["name"] for n in case.client.list("nodes")["items"]] == ["node-1"]


def test_a_node_that_is_used_again_stays(case: Case) -> None:
    names = grown(case)
    for i in range(2):
        case.client.delete("pods", f"on-{i}", "default")
    case.scan(31)
    for i, node in enumerate(names):
        case.pod(f"new-{i}", node=node)
    case.scan(30)
    for i in range(2):
        case.client.delete("pods", f"new-{i}", "default")
    case.scan(31)
    assert case.removed == []


def test_pods_move_to_other_nodes_and_then_their_node_goes(case: Case) -> None:
    names = grown(case)
    case.scan(31)
    case.scan(61)
    assert case.removed == [] and len(case.said("ScaleDown")) >= 2
    tainted = [n for n in names if case.client.get("nodes", n)["spec"].get("taints")]
    assert len(tainted) == 1  # one at a time
    case.scan(1)
    assert case.removed == []  # its pod is still ending
    for pod in case.client.list("pods", "default")["items"]:
        if pod["metadata"].get("deletionTimestamp"):
            options = DeleteOptions(grace_period=0)
            case.client.delete("pods", pod["metadata"]["name"], "default", options=options)
    case.scan(1)
    assert case.removed == tainted


def test_a_used_node_stays(case: Case) -> None:
    grown(case, cpu="1100m")
    case.scan(31)
    case.scan(600)
    assert case.removed == []


def test_nothing_goes_when_there_is_no_other_place(case: Case) -> None:
    grown(case, count=1, cpu="900m")
    case.pod("full", node="node-1", cpu="1900m")
    case.scan(31)
    case.scan(600)
    assert case.removed == []


def test_never_fewer_than_the_minimum(case: Case) -> None:
    grown(case)
    case.group(least=1)
    for i in range(2):
        case.client.delete("pods", f"on-{i}", "default")
    case.scan(31)
    case.scan(61)
    assert len(case.removed) == 1


def test_a_node_that_says_so_stays(case: Case) -> None:
    names = grown(case)
    for name in names:
        note = {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}
        case.client.patch("nodes", name, {"metadata": {"annotations": note}})
    case.scan(31)
    case.scan(600)
    assert case.removed == []


OWNER = [{"kind": "ReplicaSet", "name": "r", "uid": "r", "apiVersion": "apps/v1", "controller": True}]


@pytest.mark.parametrize(
    ("metadata", "spec", "budgets", "why"),
    [
        ({"ownerReferences": OWNER}, {}, [], ""),
        ({}, {}, [], "not replicated"),
        ({"annotations": {SAFE: "true"}}, {}, [], ""),
        ({"ownerReferences": OWNER, "annotations": {SAFE: "false"}}, {}, [], f"annotated {SAFE}: false"),
        (
            {"ownerReferences": OWNER, "namespace": "kube-system"},
            {},
            [],
            "in kube-system without a pod disruption budget",
        ),
        ({"ownerReferences": OWNER}, {"volumes": [{"name": "a", "emptyDir": {}}]}, [], "with local storage"),
        ({"ownerReferences": OWNER}, {"volumes": [{"name": "a", "emptyDir": {"medium": "Memory"}}]}, [], ""),
        ({"ownerReferences": OWNER}, {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}, [], "with local storage"),
        ({"ownerReferences": OWNER}, {"volumes": [{"name": "a", "configMap": {"name": "b"}}]}, [], ""),
        ({"ownerReferences": OWNER}, {}, [0], "not enough pod disruption budget"),
        ({"ownerReferences": OWNER}, {}, [1], ""),
        ({"ownerReferences": OWNER, "annotations": {SAFE: "true"}}, {}, [0], "not enough pod disruption budget"),
    ],
)
def test_what_keeps_a_node(metadata: Obj, spec: Obj, budgets: list[int], why: str) -> None:
    pod = {"metadata": {"name": "p", "namespace": "default", "labels": {"app": "web"}, **metadata}, "spec": spec}
    made = [
        {
            "metadata": {"name": "b", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptionsAllowed": allowed},
        }
        for allowed in budgets
    ]
    assert blocked_by(pod, made) == why


# ---------------------------------------------------------------------- telling


def test_the_status_is_written_when_something_changes(case: Case) -> None:
    case.group()
    case.pod("p", cpu="1900m", node="node-1")
    case.scan()
    before = case.client.get("configmaps", "cluster-autoscaler-status", "kube-system")
    case.scan(10)
    case.scan(10)
    after = case.client.get("configmaps", "cluster-autoscaler-status", "kube-system")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    case.pod("q", cpu="1900m")
    case.scan(10)
    found = yaml.safe_load(case.client.get("configmaps", "cluster-autoscaler-status", "kube-system")["data"]["status"])
    assert found["clusterWide"]["scaleUp"]["status"] == "InProgress"
    assert found["nodeGroups"][0]["health"]["cloudProviderTarget"] == 1


@pytest.mark.parametrize(
    ("name", "pods", "cpu", "memory"),
    [
        ("t3.small", 11, 1930, 2048 - 255 - 121 - 100),
        ("t3.medium", 17, 1930, 4096 - 255 - 187 - 100),
        ("m5.large", 29, 1930, 8192 - 255 - 319 - 100),
        ("m5.4xlarge", 234, 15890, 65536 - 255 - 2574 - 100),
        ("e2-standard-2", 110, 1930, 8192 - 1024 - 819 - 100),
        ("Standard_B2s", 250, 1900, 4096 - 1024 - 100),
    ],
)
def test_presets(name: str, pods: int, cpu: int, memory: int) -> None:
    one = PRESETS[name]
    assert (one.pods, one.cpu * 1000 - one.reserved_cpu) == (pods, cpu)
    assert abs(one.memory - one.reserved_memory - memory) <= 1


def test_as_processes(daemon: Daemon) -> None:
    daemon.start("--simulated")
    added = daemon.run("cluster", "node", "add", "small", "--preset", "t3.small", "--zone", "us-east-1b")
    assert added.code == 0, added.err
    node = daemon.client.get("nodes", "small")
    assert node["status"]["allocatable"]["pods"] == "11" and node["status"]["allocatable"]["cpu"] == "1930m"
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "t3.small"
    assert node["metadata"]["labels"]["topology.kubernetes.io/region"] == "us-east-1"
    done = daemon.run(
        *("cluster", "autoscale", "big", "--max=2", "--cpu=16", "--memory=64Gi", "--scan-interval=100ms"),
        *("--scale-down-unneeded-time=500ms", "--scale-down-delay-after-add=500ms"),
    )
    assert (done.code, done.out) == (0, "nodegroup/big has 0 to 2 nodes\n"), done.err
    daemon.run("create", "deployment", "web", "--image=nginx", "--replicas=0")
    daemon.run("set", "resources", "deployment/web", "--requests=cpu=12")
    daemon.run("scale", "deployment/web", "--replicas=2")
    assert daemon.run("rollout", "status", "deployment/web", "--timeout=30s").code == 0
    assert daemon.run("cluster", "autoscale").out.splitlines()[1].split() == ["big", "-", "0", "2", "2", "simulated"]
    daemon.run("scale", "deployment/web", "--replicas=0")
    eventually(lambda: len(daemon.client.list("nodes")["items"]) == 2)
    assert daemon.run("cluster", "autoscale", "big", "--delete").code == 0
    eventually(lambda: "cluster-autoscaler" not in daemon.run("cluster", "status").out)


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("--max=1", "--min=2"), "--min and --max must be in this order"),
        (("--preset=t3.medium",), "--max must say how many"),
        (("--max=1", "--preset=t9.huge"), "no preset is called 't9.huge'"),
        (("UPPER", "--max=1"), "is no name for a node group"),
        (("--max=1", "--expander=price"), "--expander must be one of least-waste, most-pods, random"),
        (("gone", "--delete"), "there is no cluster in"),
    ],
)
def test_bad_input(tmp_path: Path, argv: tuple[str, ...], problem: str) -> None:
    cluster = TestCluster(tmp_path / "state")
    done = cluster.cli("cluster", "autoscale", *argv, environ={"MINIKCTL_STATE": str(tmp_path / "none")})
    assert done.code == 1 and problem in done.err, done.err
    cluster.close()
