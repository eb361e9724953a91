"""What FailedScheduling says, in each situation. Source: kube-scheduler 1.36, the filters' reasons and FitError."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import pytest

from minikctl.api.meta import Obj
from minikctl.scheduler import algorithm
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import Framework
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.plugins import all_plugins
from tests.scheduler.builders import cluster, node_object, pod, pod_object

FRAMEWORK = Framework(all_plugins())
VICTIMS = "No preemption victims found for incoming pod"
HOST = "kubernetes.io/hostname"
APP = {"matchLabels": {"app": "x"}}
X = {"app": "x"}


def nodes(count: int = 2, **fields: Any) -> list[Obj]:
    return [node_object(f"node-{i + 1}", **fields) for i in range(count)]


def on_each(count: int = 2, **fields: Any) -> list[Obj]:
    return [pod_object(f"p{i + 1}", node=f"node-{i + 1}", **fields) for i in range(count)]


def required(*terms: Obj) -> Obj:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def named(*names: str) -> Obj:
    return {"key": "metadata.name", "operator": "In", "values": list(names)}


def beside(kind: str) -> Obj:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": APP, "topologyKey": HOST}]}}


def spread(key: str) -> list[Obj]:
    return [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": APP}]


def helpless(count: int) -> str:
    return f"0/{count} nodes are available: {count} Preemption is not helpful for scheduling."


def no_victims(count: int) -> str:
    return f"0/{count} nodes are available: {count} {VICTIMS}."


class Case(NamedTuple):
    """`why`: the filters' part, without the number of nodes. `preemption`: "" when room is being made."""

    words: str
    pod: PodInfo
    nodes: list[Obj]
    why: str
    preemption: str
    pods: list[Obj] = []  # never changed


PORT = [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}]
TAINT = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
SMALL = {"cpu": "4", "memory": "8Gi", "pods": "1"}
USED = on_each(requests={"cpu": "2", "memory": "2Gi"})
CASES = [
    Case("more than a node has", pod(requests={"cpu": "8"}), nodes(), "2 Insufficient cpu", helpless(2)),
    Case("more than is left", pod(requests={"cpu": "3"}), nodes(), "2 Insufficient cpu", no_victims(2), USED),
    Case("two resources", pod(requests={"cpu": "3", "memory": "7Gi"}), nodes(),
         "2 Insufficient cpu, 2 Insufficient memory", no_victims(2), USED),
    Case("a resource that no node has", pod(requests={"nvidia.com/gpu": "1"}), nodes(),
         "2 Insufficient nvidia.com/gpu", helpless(2)),
    Case("as many pods as may be", pod(), nodes(allocatable=SMALL), "2 Too many pods", no_victims(2), on_each()),
    Case("another node's name", pod(nodeName="other"), nodes(), "2 node(s) didn't match the requested node name", helpless(2)),
    Case("taints", pod(), nodes(taints=TAINT), "2 node(s) had untolerated taint(s)", helpless(2)),
    Case("cordoned", pod(), nodes(unschedulable=True), "2 node(s) were unschedulable", helpless(2)),
    Case("no such label", pod(nodeSelector={"disk": "ssd"}), nodes(),
         "2 node(s) didn't match Pod's node affinity/selector", helpless(2)),
    Case("required affinity", pod(affinity=required({"matchExpressions": [{"key": "disk", "operator": "Exists"}]})), nodes(),
         "2 node(s) didn't match Pod's node affinity/selector", helpless(2)),
    Case("a node that is not there", pod(affinity=required({"matchFields": [named("node-9")]})), nodes(),
         "2 node(s) didn't satisfy plugin(s) [NodeAffinity]", helpless(2)),
    Case("two nodes at once", pod(affinity=required({"matchFields": [named("node-1"), named("node-2")]})), nodes(),
         "pod affinity terms conflict", helpless(2)),
    Case("a taken host port", pod(containers=PORT), nodes(), "2 node(s) didn't have free ports for the requested pod ports",
         no_victims(2), on_each(containers=PORT)),
    Case("away from others", pod(affinity=beside("podAntiAffinity")), nodes(), "2 node(s) didn't match pod anti-affinity rules",
         no_victims(2), on_each(labels=X)),
    Case("others stay away", pod(labels=X), nodes(), "2 node(s) didn't satisfy existing pods anti-affinity rules",
         no_victims(2), on_each(affinity=beside("podAntiAffinity"))),
    Case("beside nobody", pod(affinity=beside("podAffinity")), nodes(), "2 node(s) didn't match pod affinity rules", helpless(2)),
    Case("spread too unevenly", pod(labels=X, topologySpreadConstraints=spread(HOST)),
         [node_object("node-1"), node_object("node-2", unschedulable=True)],
         "1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable",
         f"0/2 nodes are available: 1 {VICTIMS}, 1 Preemption is not helpful for scheduling.", on_each(1, labels=X)),
    Case("no zone to spread over", pod(labels=X, topologySpreadConstraints=spread("zone")), nodes(),
         "2 node(s) didn't match pod topology spread constraints (missing required label)", helpless(2)),
    Case("it may not remove others", pod(priority=9, preemptionPolicy="Never", requests={"cpu": "3"}), nodes(),
         "2 Insufficient cpu", "not eligible due to preemptionPolicy=Never.", USED),
    Case("it removes another", pod(priority=9, requests={"cpu": "3"}), nodes(), "2 Insufficient cpu", "", USED),
    Case("what may be removed is not enough", pod(priority=9, requests={"cpu": "3"}), nodes(1), "1 Insufficient cpu",
         "0/1 nodes are available: 1 Insufficient cpu.",
         [pod_object("low", node="node-1", requests={"cpu": "1"}), pod_object("high", node="node-1", priority=10, requests={"cpu": "2"})]),
    Case("one reason each", pod(requests={"cpu": "9"}),
         [node_object("a", taints=TAINT), node_object("b", taints=TAINT), node_object("c", unschedulable=True), node_object("d")],
         "1 Insufficient cpu, 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s)", helpless(4)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.words)
def test_message(case: Case) -> None:
    with pytest.raises(FitError) as e:
        algorithm.choose(FRAMEWORK, cluster(case.nodes, case.pods), case.pod, 0, random.Random(1))
    whole = f"0/{len(case.nodes)} nodes are available: {case.why}."
    if case.preemption:
        whole += f" no new claims to deallocate, preemption: {case.preemption}"
    assert str(e.value) == whole


def test_asking_for_nothing_of_what_is_overbooked() -> None:
    full = nodes(1, allocatable={"cpu": "1", "pods": "10"})
    taken = [pod_object("p", node="node-1", requests={"cpu": "2"})]
    assert algorithm.choose(
        FRAMEWORK, cluster(full, taken), pod("new", requests={"cpu": "0"}), 0, random.Random(1)
    ).node
