"""HorizontalPodAutoscalers: what metrics ask for, how fast it is done, and the controller on made-up metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, condition, timestamp
from minikctl.apiserver import metrics as metrics_api
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.horizontal_pod_autoscaler import HorizontalPodAutoscalerController, behavior, replicas
from minikctl.controllers.horizontal_pod_autoscaler.behavior import Memory
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Sample, Tolerances, Unknown
from minikctl.controllers.metrics_registration import METRICS_API
from minikctl.controllers.replica_set import ReplicaSetController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import NOW, ago, deployment
from tests.support import adapter
from tests.support.control_plane import ControlPlane

HPA = "horizontalpodautoscalers.autoscaling"

# ---------------------------------------------------------------------- from metrics to replicas


def pod(title: str, *, phase: str = "Running", ready: bool = True, age: float = 1000, cpu: str | None = "1") -> Obj:
    resources = {} if cpu is None else {"requests": {"cpu": cpu}}
    return {
        "metadata": {"name": title},
        "spec": {"containers": [{"name": "main", "resources": resources}]},
        "status": {
            "phase": phase,
            "startTime": ago(age),
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": ago(age)}],
        },
    }


def members(states: str) -> Objects:
    """r ready, s starting (young, not ready), p pending, f failed, d being deleted, b broken for long (was ready)."""
    made = []
    for i, state in enumerate(states):
        one = pod(f"p{i}")
        if state == "s":
            one = pod(f"p{i}", ready=False, age=20)
        elif state == "p":
            one = pod(f"p{i}", phase="Pending", ready=False)
        elif state == "f":
            one = pod(f"p{i}", phase="Failed")
        elif state == "d":
            one["metadata"]["deletionTimestamp"] = ago(1)
        elif state == "b":
            one = pod(f"p{i}", ready=False)
            one["status"]["conditions"][0]["lastTransitionTime"] = ago(10)
        made.append(one)
    return made


def samples(values: list[int | None]) -> dict[str, Sample]:
    """Percent of one core by pod; None: no metrics."""
    return {f"p{i}": Sample(v * 10, NOW, 15) for i, v in enumerate(values) if v is not None}


@pytest.mark.parametrize(
    ("states", "values", "target", "wanted"),
    [
        ("rrr", [50, 50, 50], 50, 3),
        ("rrr", [100, 100, 100], 50, 6),
        ("rrr", [90, 60, 30], 50, 4),
        ("rrr", [54, 54, 54], 50, 3),  # within the tolerance
        ("rrr", [56, 56, 56], 50, 4),
        ("rrr", [46, 46, 46], 50, 3),
        ("rrrr", [10, 10, 10, 10], 50, 1),
        ("rr", [0, 0], 50, 0),
        ("rrr", [300, 500, 700], 30, 50),
        ("rrs", [100, 100, 900], 50, 4),  # one that starts counts as idle when going up
        ("rrs", [30, 30, 0], 50, 2),
        ("rrp", [100, 100, None], 50, 4),
        ("rrr", [100, 100, None], 50, 4),  # one that says nothing: idle when going up
        ("rrr", [10, 10, None], 50, 3),  # and at its full request when going down
        ("rrr", [20, 20, None], 100, 2),
        ("rrf", [100, 100, 100], 50, 4),
        ("rrd", [100, 100, 100], 50, 4),
        ("rrb", [100, 100, 100], 50, 6),
        ("rrrrss", [60, 60, 60, 60, 0, 0], 50, 6),  # turned by those that start: stays
    ],
)
def test_utilization(states: str, values: list[int | None], target: int, wanted: int) -> None:
    found = replicas.by_utilization(members(states), samples(values), "cpu", "", target, len(states), Tolerances(), NOW)
    assert found.replicas == wanted


@pytest.mark.parametrize(
    ("states", "values", "target", "wanted"),
    [
        ("rrr", [50, 50, 50], 500, 3),
        ("rrr", [100, 100, 100], 500, 6),
        ("rr", [10, 10], 500, 1),
        ("rrr", [100, 100, None], 500, 4),
        ("rrs", [100, 100, 0], 500, 4),
        ("rrr", [10, 10, None], 500, 2),
    ],
)
def test_average_values(states: str, values: list[int | None], target: int, wanted: int) -> None:
    found = replicas.by_value(members(states), samples(values), "cpu", target, len(states), Tolerances(), NOW)
    assert found.replicas == wanted and found.utilization is None


@pytest.mark.parametrize(
    ("ratio", "down", "up", "allowed"),
    [
        (1.0, 0.1, 0.1, True),
        (1.1, 0.1, 0.1, True),
        (1.11, 0.1, 0.1, False),
        (0.89, 0.1, 0.1, False),
        (1.05, 0, 0, False),
    ],
)
def test_tolerance(ratio: float, down: float, up: float, allowed: bool) -> None:
    assert Tolerances(down, up).allow(ratio) is allowed


@pytest.mark.parametrize(
    ("made", "values", "message"),
    [
        ([], [1], "no pods returned by selector while calculating replica count"),
        (members("p"), [1], "did not receive metrics for targeted pods (pods might be unready)"),
        ([pod("p0", cpu=None)], [1], "missing request for cpu in container main of Pod p0"),
    ],
)
def test_what_cannot_be_known(made: Objects, values: list[int | None], message: str) -> None:
    with pytest.raises(Unknown) as e:
        replicas.by_utilization(made, samples(values), "cpu", "", 50, 1, Tolerances(), NOW)
    assert str(e.value) == message


def test_a_young_pod_counts_when_its_metrics_are_newer_than_its_readiness() -> None:
    young = pod("p0", age=60)
    early = {"p0": Sample(900, NOW - timedelta(seconds=50), 15)}
    late = {"p0": Sample(900, NOW - timedelta(seconds=40), 15)}
    assert replicas.group([young], early, "cpu", NOW).unready == ["p0"]
    assert replicas.group([young], late, "cpu", NOW).ready == 1
    assert replicas.group([young], early, "memory", NOW).ready == 1


# ---------------------------------------------------------------------- how fast


def autoscaler(least: int = 1, most: int = 10, **behavior_: Any) -> Obj:
    spec: Obj = {"minReplicas": least, "maxReplicas": most}
    return {"spec": spec | ({"behavior": behavior_} if behavior_ else {})}


@pytest.mark.parametrize(
    ("least", "most", "current", "desired", "found", "reason"),
    [
        (1, 10, 2, 3, 3, "DesiredWithinRange"),
        (1, 10, 1, 9, 4, "ScaleUpLimit"),
        (1, 100, 10, 50, 20, "ScaleUpLimit"),
        (1, 10, 8, 50, 10, "TooManyReplicas"),
        (2, 10, 5, 1, 2, "TooFewReplicas"),
        (1, 10, 5, 0, 1, "TooFewReplicas"),
        (0, 10, 5, 0, 0, "DesiredWithinRange"),
    ],
)
def test_the_default_limits(least: int, most: int, current: int, desired: int, found: int, reason: str) -> None:
    normal = behavior.normalize(autoscaler(least, most), Memory(), current, desired, 1000)
    assert (normal.replicas, normal.limited[0]) == (found, reason)


def policies(*given: tuple[str, int, int], window: int = 0, choose: str = "Max") -> Obj:
    listed = [{"type": t, "value": v, "periodSeconds": p} for t, v, p in given]
    return {"policies": listed, "stabilizationWindowSeconds": window, "selectPolicy": choose}


NORMAL_UP = policies(("Pods", 4, 15), ("Percent", 100, 15))
NORMAL_DOWN = policies(("Percent", 100, 15), window=300)


@pytest.mark.parametrize(
    ("up", "down", "current", "desired", "found", "reason"),
    [
        (NORMAL_UP, NORMAL_DOWN, 1, 9, 5, "ScaleUpLimit"),
        (NORMAL_UP, NORMAL_DOWN, 10, 90, 20, "ScaleUpLimit"),
        (policies(("Pods", 4, 15), ("Percent", 100, 15), choose="Min"), NORMAL_DOWN, 10, 90, 14, "ScaleUpLimit"),
        (policies(("Percent", 10, 60)), NORMAL_DOWN, 15, 90, 17, "ScaleUpLimit"),
        (policies(("Pods", 1, 15), choose="Disabled"), NORMAL_DOWN, 3, 9, 3, "ScaleUpLimit"),
        (NORMAL_UP, NORMAL_DOWN, 5, 2, 2, "DesiredWithinRange"),
        (NORMAL_UP, policies(("Pods", 1, 15)), 5, 2, 4, "ScaleDownLimit"),
        (NORMAL_UP, policies(("Percent", 10, 60)), 80, 2, 72, "ScaleDownLimit"),
        (NORMAL_UP, policies(("Pods", 5, 60), ("Percent", 10, 60)), 80, 2, 72, "ScaleDownLimit"),
        (NORMAL_UP, policies(("Pods", 5, 60), ("Percent", 10, 60), choose="Min"), 80, 2, 75, "ScaleDownLimit"),
        (NORMAL_UP, policies(("Pods", 1, 15), choose="Disabled"), 5, 2, 5, "ScaleDownLimit"),
        (NORMAL_UP, NORMAL_DOWN, 5, 0, 1, "TooFewReplicas"),
        (policies(("Pods", 500, 15)), NORMAL_DOWN, 90, 300, 100, "TooManyReplicas"),
    ],
)
def test_policies(up: Obj, down: Obj, current: int, desired: int, found: int, reason: str) -> None:
    normal = behavior.normalize(autoscaler(1, 100, scaleUp=up, scaleDown=down), Memory(), current, desired, 1000)
    assert (normal.replicas, normal.limited[0]) == (found, reason)


def test_a_policy_counts_what_was_done_in_its_period() -> None:
    hpa = autoscaler(1, 100, scaleUp=policies(("Pods", 4, 60)), scaleDown=NORMAL_DOWN)
    memory = Memory()
    memory.note(1000, 3, 60)
    assert behavior.normalize(hpa, memory, 8, 50, 1030).replicas == 9
    assert behavior.normalize(hpa, memory, 8, 50, 1061).replicas == 12


@pytest.mark.parametrize(
    ("earlier", "up_window", "down_window", "current", "desired", "found", "reason"),
    [
        ([(10, 8)], 0, 300, 5, 2, 5, "ScaleDownStabilized"),
        ([(10, 4)], 0, 300, 5, 2, 4, "ScaleDownStabilized"),
        ([(310, 8)], 0, 300, 5, 2, 2, "ReadyForNewScale"),
        ([(10, 3)], 60, 300, 2, 9, 3, "ScaleUpStabilized"),
        ([(10, 3)], 0, 300, 2, 9, 9, "ReadyForNewScale"),
        ([(10, 1)], 60, 300, 2, 9, 2, "ScaleUpStabilized"),
        ([], 0, 0, 5, 2, 2, "ReadyForNewScale"),
    ],
)
def test_windows(
    earlier: list[tuple[float, int]],
    up_window: int,
    down_window: int,
    current: int,
    desired: int,
    found: int,
    reason: str,
) -> None:
    up = policies(("Pods", 100, 15), window=up_window)
    down = policies(("Percent", 100, 15), window=down_window)
    memory = Memory([(1000 - ago_, r) for ago_, r in earlier])
    normal = behavior.normalize(autoscaler(1, 100, scaleUp=up, scaleDown=down), memory, current, desired, 1000)
    assert (normal.replicas, normal.able[0]) == (found, reason)


def test_without_behavior_the_highest_of_five_minutes_counts() -> None:
    memory = Memory([(700, 9), (800, 6)])
    normal = behavior.normalize(autoscaler(), memory, 6, 2, 1000.5)
    assert (normal.replicas, normal.able[0]) == (6, "ScaleDownStabilized")


# ---------------------------------------------------------------------- the controller

SetUse = Callable[[int], None]


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(DeploymentController, ReplicaSetController, HorizontalPodAutoscalerController)


@pytest.fixture
def use(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> SetUse:
    """`use(80)`: from now on all pods together use 80% of a core; -1: nobody knows."""
    plane.cluster.client.create("apiservices", METRICS_API)
    total = [0]

    def measure(_api: Any, node: str) -> Objects | None:
        if total[0] < 0:
            return []
        mine = [p for p in plane.cluster.client.list("pods")["items"] if p["status"].get("phase") == "Running"]
        each = total[0] * 10 // max(len(mine), 1)
        stamp = timestamp(plane.clock.now())
        return [
            {
                "name": p["metadata"]["name"],
                "namespace": "default",
                "timestamp": stamp,
                "window": 15.0,
                "containers": [{"name": "main", "usage": {"cpu": f"{each}m", "memory": "64Mi"}}],
            }
            for p in mine
            if p["spec"]["nodeName"] == node
        ]

    def set_use(percent: int) -> None:
        total[0] = percent

    monkeypatch.setattr(metrics_api, "_ask", measure)
    return set_use


def start(plane: ControlPlane, replicas_: int = 1, target: Obj | None = None, **spec: Any) -> None:
    obj = deployment(replicas=replicas_)
    obj["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m", "memory": "128Mi"}}
    plane.cluster.client.create("deployments.apps", obj, "default")
    plane.settle(400)
    wanted = target or {"type": "Utilization", "averageUtilization": 50}
    base: Obj = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": wanted}}],
    }
    plane.cluster.client.create(HPA, {"metadata": {"name": "web"}, "spec": base | spec}, "default")
    plane.settle(1)


def size(plane: ControlPlane) -> int:
    found: int = plane.cluster.client.get("deployments.apps", "web", "default")["spec"]["replicas"]
    return found


def get(plane: ControlPlane) -> Obj:
    return plane.cluster.client.get(HPA, "web", "default")


def why(plane: ControlPlane, kind: str) -> tuple[str, str]:
    found = condition(get(plane), kind) or {}
    return found.get("status", ""), found.get("reason", "")


def test_out_under_load_and_in_again_after_five_minutes(plane: ControlPlane, use: SetUse) -> None:
    use(5)
    start(plane)
    assert size(plane) == 1 and get(plane)["status"]["currentMetrics"][0]["resource"]["current"] == {
        "averageUtilization": 25,
        "averageValue": "50m",
    }
    plane.assert_at_rest()
    use(80)
    plane.settle(400)
    assert size(plane) == 8 and get(plane)["status"]["currentReplicas"] == 8
    assert why(plane, "ScalingActive") == ("True", "ValidMetricFound")
    use(5)
    plane.settle(120)
    assert size(plane) == 8 and why(plane, "AbleToScale") == ("True", "ScaleDownStabilized")
    plane.settle(300)
    assert size(plane) == 1
    told = [e["message"] for e in plane.cluster.client.list("events", "default")["items"] if "New size" in e["message"]]
    assert told[0] == "New size: 4; reason: cpu resource utilization (percentage of request) above target"
    assert told[-1] == "New size: 1; reason: All metrics below target"


def test_windows_of_ones_own(plane: ControlPlane, use: SetUse) -> None:
    use(60)
    start(plane, behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    plane.settle(400)
    assert size(plane) == 6
    use(10)
    plane.settle(40)
    assert size(plane) == 1


@pytest.mark.parametrize(("replicas_", "found"), [(20, 10), (1, 2)])
def test_the_bounds_hold_at_once(plane: ControlPlane, use: SetUse, replicas_: int, found: int) -> None:
    use(-1)
    start(plane, replicas_, minReplicas=2)
    assert size(plane) == found
    assert why(plane, "AbleToScale") == ("True", "SucceededRescale")


def test_nothing_is_done_to_what_is_scaled_to_zero(plane: ControlPlane, use: SetUse) -> None:
    use(50)
    start(plane, 0)
    assert size(plane) == 0 and why(plane, "ScalingActive") == ("False", "ScalingDisabled")


def test_unknown_metrics_keep_the_size_and_say_so(plane: ControlPlane, use: SetUse) -> None:
    use(-1)
    start(plane, 3)
    assert size(plane) == 3 and why(plane, "ScalingActive") == ("False", "FailedGetResourceMetric")
    text = (condition(get(plane), "ScalingActive") or {})["message"]
    assert text == (
        "the HPA was unable to compute the replica count: failed to get cpu utilization: "
        "unable to get metrics for resource cpu: no metrics returned from resource metrics API"
    )
    reasons = {e["reason"] for e in plane.cluster.client.list("events", "default")["items"]}
    assert {"FailedGetResourceMetric", "FailedComputeMetricsReplicas"} <= reasons


def test_one_metric_that_is_unknown_allows_more_but_not_fewer(plane: ControlPlane, use: SetUse) -> None:
    use(80)
    custom = {
        "type": "Pods",
        "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    target = {"type": "Utilization", "averageUtilization": 50}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    start(plane, 2, metrics=[custom, cpu])
    plane.settle(100)
    assert size(plane) == 8
    use(10)
    plane.settle(1000)
    assert size(plane) == 8 and why(plane, "ScalingActive") == ("False", "FailedGetPodsMetric")


def test_a_target_that_is_not_there(plane: ControlPlane, use: SetUse) -> None:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}
    start(plane, 1, scaleTargetRef=ref)
    assert why(plane, "AbleToScale") == ("False", "FailedGetScale")


@pytest.mark.parametrize(("target", "found"), [({"type": "AverageValue", "averageValue": "100m"}, 8)])
def test_average_value_targets(plane: ControlPlane, use: SetUse, target: Obj, found: int) -> None:
    use(80)
    start(plane, 2, target=target)
    plane.settle(400)
    assert size(plane) == found
    shown = plane.cluster.cli("get", "hpa", "web").out.split()
    assert "cpu:" in shown and "100m/100m" in shown


def test_container_metrics(plane: ControlPlane, use: SetUse) -> None:
    use(40)
    target = {"type": "Utilization", "averageUtilization": 50}
    metric = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main", "target": target}}
    start(plane, 2, metrics=[metric])
    plane.settle(100)
    assert size(plane) == 4
    text = (condition(get(plane), "ScalingActive") or {})["message"]
    assert text.endswith("from cpu container resource utilization (percentage of request)")


# ---------------------------------------------------------------------- adapters

HITS = {"name": "hits"}
QUEUE = {"name": "queue", "selector": {"matchLabels": {"of": "work"}}}
WEB = {"apiVersion": "v1", "kind": "Service", "name": "web"}
UNABLE = "the HPA was unable to compute the replica count: "


def adapted(kind: str, target: Obj) -> Obj:
    match kind:
        case "Pods":
            return {"type": kind, "pods": {"metric": HITS, "target": {"type": "AverageValue", **target}}}
        case "Object":
            return {"type": kind, "object": {"metric": HITS, "describedObject": WEB, "target": target}}
    return {"type": kind, "external": {"metric": QUEUE, "target": target}}


@pytest.mark.parametrize(
    ("kind", "why_not", "in_full"),
    [
        (
            "Pods",
            "unable to get metric hits: unable to fetch metrics from custom metrics API: "
            "no custom metrics API (custom.metrics.k8s.io) registered",
            "failed to get pods metric value: ",
        ),
        (
            "Object",
            "unable to get metric hits: Service on default web/unable to fetch metrics from custom metrics API: "
            "no custom metrics API (custom.metrics.k8s.io) registered",
            "failed to get object metric value: ",
        ),
        (
            "External",
            "unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{of: work,},"
            "MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: "
            "the server could not find the requested resource (get queue.external.metrics.k8s.io)",
            "failed to get queue external metric value: failed to get queue external metric: ",
        ),
    ],
)
def test_without_adapters(plane: ControlPlane, use: SetUse, kind: str, why_not: str, in_full: str) -> None:
    start(plane, 2, metrics=[adapted(kind, {"type": "AverageValue", "averageValue": "10"})])
    assert size(plane) == 2
    found = condition(get(plane), "ScalingActive") or {}
    assert (found["status"], found["reason"]) == ("False", f"FailedGet{kind}Metric")
    assert found["message"] == UNABLE + why_not
    told = {e["reason"]: e["message"] for e in plane.cluster.client.list("events", "default")["items"]}
    first = f"invalid metrics (1 invalid out of 1), first error is: {in_full}{why_not}"
    assert told["FailedComputeMetricsReplicas"] == first


@pytest.mark.parametrize(
    ("kind", "target", "values", "found", "current", "asked"),
    [
        (
            "Pods",
            {"averageValue": "10"},
            ["15", "20"],
            4,
            {"averageValue": "17500m"},
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/hits?labelSelector=app%3Dweb",
        ),
        (
            "Object",
            {"type": "Value", "value": "100"},
            ["160"],
            4,
            {"value": "160"},
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/web/hits",
        ),
        ("Object", {"type": "AverageValue", "averageValue": "100"}, ["301"], 4, {"averageValue": "150500m"}, None),
        (
            "External",
            {"type": "AverageValue", "averageValue": "10"},
            ["30", "1500m"],
            4,
            {"averageValue": "15750m"},
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue?labelSelector=of%3Dwork",
        ),
        ("External", {"type": "Value", "value": "10"}, ["10500m"], 2, {"value": "10500m"}, None),
    ],
)
def test_metrics_of_adapters(
    plane: ControlPlane,
    use: SetUse,
    tmp_path: Path,
    kind: str,
    target: Obj,
    values: list[str],
    found: int,
    current: Obj,
    asked: str | None,
) -> None:
    def answer(_path: str) -> Any:
        pods = [p["metadata"]["name"] for p in plane.cluster.client.list("pods", "default")["items"]]
        stamp = timestamp(plane.clock.now())
        items = [
            {"describedObject": {"kind": "Pod", "name": pods[i]}, "timestamp": stamp, "value": v}
            for i, v in enumerate(values)
        ]
        return {"items": items}

    (tmp_path / "adapter").mkdir()
    with adapter.serving(tmp_path / "adapter", answer) as made:
        adapter.lead_to(plane.cluster, made)
        more = {"caBundle": made.ca_bundle}
        services = [("custom", "v1beta1", 100), ("custom", "v1beta2", 200), ("external", "v1beta1", 100)]
        for api, version, priority in services:
            whole = adapter.api_service(f"{api}.metrics.k8s.io", version, versionPriority=priority, **more)
            plane.cluster.client.create("apiservices", whole)
        start(plane, 2, metrics=[adapted(kind, target)])
    assert size(plane) == found
    assert get(plane)["status"]["currentMetrics"][0][kind.lower()]["current"] == current
    assert why(plane, "ScalingActive") == ("True", "ValidMetricFound")
    assert asked is None or made.seen[0][0] == asked
