"""Each plugin's decisions, as tables."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.scheduler.framework import SKIP, Code
from minikctl.scheduler.plugins import (
    all_plugins,
    image_locality,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    pod_topology_spread,
    scheduling_gates,
    taint_toleration,
)
from tests.scheduler.builders import cluster, node, node_object, pod, pod_object

NOTHING = cluster([])


def test_every_file_is_a_plugin_in_kubernetes_order() -> None:
    assert [p.name for p in all_plugins()][:7] == [
        "SchedulingGates",
        "NodeUnschedulable",
        "NodeName",
        "TaintToleration",
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
    ]


def test_scheduling_gates() -> None:
    assert scheduling_gates.pre_enqueue(pod()) is None
    status = scheduling_gates.pre_enqueue(pod(schedulingGates=[{"name": "a"}, {"name": "b"}]))
    assert status and status.reasons == ("waiting for scheduling gates: [a b]",)


@pytest.mark.parametrize(
    ("unschedulable", "tolerations", "fits"),
    [
        (False, [], True),
        (True, [], False),
        (True, [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}], True),
        (True, [{"operator": "Exists"}], True),
        (True, [{"key": "other", "operator": "Exists"}], False),
    ],
)
def test_node_unschedulable(unschedulable: bool, tolerations: list[Obj], fits: bool) -> None:
    status = node_unschedulable.filter_node(NOTHING, pod(tolerations=tolerations), node(unschedulable=unschedulable))
    assert (status is None) is fits


def test_node_name() -> None:
    assert node_name.pre_filter(NOTHING, pod()) is SKIP
    assert node_name.filter_node(NOTHING, pod(node="node-1"), node("node-1")) is None
    assert node_name.filter_node(NOTHING, pod(node="node-2"), node("node-1")) is node_name.REJECTED


TAINT = {"key": "disk", "value": "slow", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("taint", "toleration", "fits"),
    [
        (TAINT, None, False),
        (TAINT, {"key": "disk", "value": "slow", "effect": "NoSchedule"}, True),
        (TAINT, {"key": "disk", "operator": "Equal", "value": "slow"}, True),
        (TAINT, {"key": "disk", "value": "fast"}, False),
        (TAINT, {"key": "disk", "operator": "Exists"}, True),
        (TAINT, {"key": "disk", "operator": "Exists", "effect": "NoExecute"}, False),
        (TAINT, {"operator": "Exists"}, True),
        ({**TAINT, "effect": "PreferNoSchedule"}, None, True),
        ({**TAINT, "effect": "NoExecute"}, None, False),
        (
            {"key": "level", "value": "3", "effect": "NoSchedule"},
            {"key": "level", "operator": "Gt", "value": "2"},
            True,
        ),
        (
            {"key": "level", "value": "3", "effect": "NoSchedule"},
            {"key": "level", "operator": "Lt", "value": "2"},
            False,
        ),
    ],
)
def test_taints_and_tolerations(taint: Obj, toleration: Obj | None, fits: bool) -> None:
    who = pod(tolerations=[toleration] if toleration else [])
    assert (taint_toleration.filter_node(NOTHING, who, node(taints=[taint])) is None) is fits


def test_soft_taints_score() -> None:
    soft = {**TAINT, "effect": "PreferNoSchedule"}
    cycle = cluster([node_object("a"), node_object("b", taints=[soft])])
    nodes = cycle.cache.nodes
    scores = [taint_toleration.score(cycle, pod(), n) for n in nodes]
    assert taint_toleration.normalize(cycle, pod(), nodes, scores) == [100, 0]
    assert taint_toleration.pre_score(cycle, pod(), nodes) is None
    assert taint_toleration.pre_score(cluster([node_object("a")]), pod(), nodes) is SKIP


def required(*terms: Obj) -> Obj:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> Obj:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({}, True),
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"zone": "b"}}, False),
        ({"nodeSelector": {"zone": "a", "more": "x"}}, False),
        ({"affinity": required(expression("zone", "In", "a", "b"))}, True),
        ({"affinity": required(expression("zone", "NotIn", "a"))}, False),
        ({"affinity": required(expression("gpu", "DoesNotExist"))}, True),
        ({"affinity": required(expression("gpu", "Exists"), expression("zone", "In", "a"))}, True),
        ({"affinity": required(expression("cores", "Gt", "3"))}, True),
        ({"affinity": required(expression("cores", "Lt", "3"))}, False),
        ({"affinity": required({})}, False),
        ({"nodeSelector": {"zone": "b"}, "affinity": required(expression("zone", "In", "a"))}, False),
    ],
)
def test_node_affinity(spec: Obj, fits: bool) -> None:
    status = node_affinity.filter_node(NOTHING, pod(**spec), node(labels={"zone": "a", "cores": "4"}))
    assert (status is None) is fits


def test_node_affinity_narrows_the_search_to_named_nodes() -> None:
    field = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}
    cycle = cluster([])
    assert node_affinity.pre_filter(cycle, pod(affinity=required(field))) is None
    assert cycle.only_nodes == {"NodeAffinity": frozenset({"node-2"})}
    cycle = cluster([])
    node_affinity.pre_filter(cycle, pod(affinity=required(field, expression("zone", "Exists"))))
    assert not cycle.only_nodes
    assert node_affinity.pre_filter(cycle, pod()) is SKIP


def test_preferred_node_affinity_scores() -> None:
    terms = [
        {"weight": 10, "preference": expression("zone", "In", "a")},
        {"weight": 30, "preference": expression("disk", "Exists")},
    ]
    who = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}})
    nodes = [node("n1"), node("n2", labels={"zone": "a"}), node("n3", labels={"zone": "a", "disk": "ssd"})]
    scores = [node_affinity.score(NOTHING, who, n) for n in nodes]
    assert scores == [0, 10, 40]
    assert node_affinity.normalize(NOTHING, who, nodes, scores) == [0, 25, 100]


def with_port(name: str, port: int, **more: str) -> Obj:
    return {"containers": [{"name": name, "ports": [{"containerPort": 80, "hostPort": port, **more}]}]}


@pytest.mark.parametrize(
    ("used", "wanted", "fits"),
    [
        (with_port("a", 80), with_port("b", 81), True),
        (with_port("a", 80), with_port("b", 80), False),
        (with_port("a", 80, protocol="UDP"), with_port("b", 80), True),
        (with_port("a", 80, hostIP="127.0.0.1"), with_port("b", 80, hostIP="10.0.0.1"), True),
        (with_port("a", 80, hostIP="127.0.0.1"), with_port("b", 80), False),
    ],
)
def test_host_ports(used: Obj, wanted: Obj, fits: bool) -> None:
    where = node(pods=[pod("a", **used)])
    assert (node_ports.filter_node(NOTHING, pod("b", **wanted), where) is None) is fits
    where.remove_pod("uid-a")
    assert node_ports.filter_node(NOTHING, pod("b", **wanted), where) is None


SMALL = {"cpu": "1", "memory": "1Gi", "pods": "2"}


@pytest.mark.parametrize(
    ("requests", "running", "code", "reasons"),
    [
        ({}, [], None, ()),
        ({"cpu": "1"}, [], None, ()),
        ({"cpu": "600m"}, [{"cpu": "500m"}], Code.UNSCHEDULABLE, ("Insufficient cpu",)),
        ({"cpu": "1001m"}, [], Code.UNRESOLVABLE, ("Insufficient cpu",)),
        (
            {"cpu": "1", "memory": "2Gi"},
            [{"cpu": "1m"}],
            Code.UNRESOLVABLE,
            ("Insufficient cpu", "Insufficient memory"),
        ),
        ({}, [{}, {}], Code.UNSCHEDULABLE, ("Too many pods",)),
        ({"nvidia.com/gpu": "1"}, [], Code.UNRESOLVABLE, ("Insufficient nvidia.com/gpu",)),
    ],
)
def test_resources_fit(requests: Obj, running: list[Obj], code: Code | None, reasons: tuple[str, ...]) -> None:
    where = node(allocatable=SMALL, pods=[pod(f"p{i}", requests=r) for i, r in enumerate(running)])
    status = node_resources_fit.filter_node(NOTHING, pod(requests=requests), where)
    assert (status.code if status else None, status.reasons if status else ()) == (code, reasons)


def test_emptier_nodes_score_higher() -> None:
    full, empty = node("a", pods=[pod("x", requests={"cpu": "2", "memory": "4Gi"})]), node("b")
    who = pod(requests={"cpu": "1", "memory": "1Gi"})
    assert node_resources_fit.score(NOTHING, who, full) == (25 + 37) // 2
    assert node_resources_fit.score(NOTHING, who, empty) == (75 + 87) // 2
    assert node_resources_fit.score(NOTHING, pod(), node(allocatable={"pods": "1"})) == 0


def test_balance_of_cpu_and_memory() -> None:
    score = node_resources_balanced_allocation.score
    assert score(NOTHING, pod(requests={"cpu": "2", "memory": "4Gi"}), node()) == 100
    assert score(NOTHING, pod(requests={"cpu": "4", "memory": "0"}), node()) == 50
    assert node_resources_balanced_allocation.pre_score(NOTHING, pod(), []) is SKIP


def test_images_present_score() -> None:
    large = {"names": ["nginx:latest"], "sizeBytes": 500 * 1024 * 1024}
    cycle = cluster([node_object("a", images=[large]), node_object("b")])
    assert image_locality.pre_score(cycle, pod(), cycle.cache.nodes) is None
    scores = [image_locality.score(cycle, pod(), n) for n in cycle.cache.nodes]
    assert scores[0] > scores[1] == 0
    assert image_locality.pre_score(cluster([node_object("a")]), pod(), []) is SKIP


ZONE = "topology.kubernetes.io/zone"


def spread(key: str, action: str = "DoNotSchedule", skew: int = 1, **more: object) -> Obj:
    return {
        "topologySpreadConstraints": [
            {
                "topologyKey": key,
                "maxSkew": skew,
                "whenUnsatisfiable": action,
                "labelSelector": {"matchLabels": {"app": "web"}},
                **more,
            }
        ]
    }


def zoned(**pods: int) -> tuple[list[Obj], list[Obj]]:
    """Nodes a1, b1, … one a zone, with that many pods of app=web."""
    nodes = [node_object(f"{z}1", labels={ZONE: z}) for z in pods]
    placed = [
        pod_object(f"{z}-{i}", labels={"app": "web"}, node=f"{z}1") for z, number in pods.items() for i in range(number)
    ]
    return nodes, placed


@pytest.mark.parametrize(
    ("pods", "constraint", "allowed"),
    [
        ({"a": 0, "b": 0}, spread(ZONE), {"a1", "b1"}),
        ({"a": 1, "b": 0}, spread(ZONE), {"b1"}),
        ({"a": 2, "b": 1}, spread(ZONE, skew=2), {"a1", "b1"}),
        ({"a": 1, "b": 1}, spread(ZONE, minDomains=3), set()),
        ({"a": 1, "b": 0}, spread("rack"), set()),
    ],
)
def test_hard_spreading(pods: dict[str, int], constraint: Obj, allowed: set[str]) -> None:
    cycle = cluster(*zoned(**pods))
    who = pod(labels={"app": "web"}, **constraint)
    assert pod_topology_spread.pre_filter(cycle, who) is None
    found = {n.name for n in cycle.cache.nodes if pod_topology_spread.filter_node(cycle, who, n) is None}
    assert found == allowed


def test_terminating_pods_do_not_count_in_spreading() -> None:
    nodes, placed = zoned(a=1, b=0)
    placed[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cycle = cluster(nodes, placed)
    who = pod(labels={"app": "web"}, **spread(ZONE))
    pod_topology_spread.pre_filter(cycle, who)
    assert all(pod_topology_spread.filter_node(cycle, who, n) is None for n in cycle.cache.nodes)


def test_soft_spreading_prefers_the_emptier_domain() -> None:
    cycle = cluster(*zoned(a=3, b=1, c=0))
    who = pod(labels={"app": "web"}, **spread(ZONE, "ScheduleAnyway"))
    nodes = sorted(cycle.cache.nodes, key=lambda n: n.name)
    assert pod_topology_spread.pre_score(cycle, who, nodes) is None
    raw = [pod_topology_spread.score(cycle, who, n) for n in nodes]
    a, b, c = pod_topology_spread.normalize(cycle, who, nodes, raw)
    assert a < b < c == 100
    assert pod_topology_spread.pre_score(cluster([]), pod(), nodes) is SKIP
