"""HorizontalPodAutoscalers: within their bounds whatever is measured, and at the size that the load asks for in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, Objects, condition, name, timestamp
from minikctl.apiserver import metrics as metrics_api
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.horizontal_pod_autoscaler import HorizontalPodAutoscalerController
from minikctl.controllers.metrics_registration import METRICS_API
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.replica_set import ReplicaSetController
from tests.simulation.strategies import deeds, examples
from tests.simulation.test_deployment import DEPLOY, STRATEGIES, deployment
from tests.simulation.world import NAMESPACE, Act, World

HPA = "horizontalpodautoscalers.autoscaling"
UNKNOWN = -1
WITHOUT = [
    "relabel a pod",
    "make a stray pod",
    "a pod succeeds",
]  # pods with the labels that measure nothing count as missing


class Load:
    """What all pods use together, in tenths of a pod's target; UNKNOWN: nothing is measured."""

    def __init__(self) -> None:
        self.total = 10

    @contextmanager
    def measured_in(self, world: World) -> Iterator[None]:
        def measure(_api: Any, node: str) -> Objects:
            running = [p for p in world.client.list("pods")["items"] if p["status"].get("phase") == "Running"]
            if self.total == UNKNOWN:
                return []
            usage = {"cpu": f"{self.total * 10 // max(len(running), 1)}m", "memory": "64Mi"}
            of_all = {"namespace": NAMESPACE, "timestamp": timestamp(world.clock.now()), "window": 15.0}
            containers = [{"name": "main", "usage": usage}]
            return [
                of_all | {"name": name(p), "containers": containers} for p in running if p["spec"]["nodeName"] == node
            ]

        world.client.create("apiservices", METRICS_API)
        with patch.object(metrics_api, "_ask", measure):
            yield


def _bounds(world: World, a: int, b: int) -> None:
    world.patch(HPA, {"spec": {"minReplicas": a % 3 + 1, "maxReplicas": a % 3 + 1 + b % 6}})


def own(load: Load) -> dict[str, Act]:
    def set_load(_world: World, a: int, _b: int) -> None:
        load.total = a % 90 - 1

    return {
        "the load changes": set_load,
        "the load changes again": set_load,
        "a minute passes": lambda w, _a, _b: w.plane.settle(60, turns=2000),
        "change the bounds": _bounds,
        "scale by hand": lambda w, a, _b: w.patch(DEPLOY, {"spec": {"replicas": a % 9}}),
        "change the template": lambda w, a, _b: w.patch(
            DEPLOY, {"spec": {"template": {"metadata": {"annotations": {"a": str(a % 3)}}}}}
        ),
    }


def stays_within_bounds(world: World, controller: str, verb: str, args: tuple[Any, ...], more: dict[str, Any]) -> None:
    if controller == "horizontal-pod-autoscaler" and verb == "update" and more.get("subresource") == "scale":
        spec = world.get(HPA)["spec"]
        if world.lossless:
            assert spec["minReplicas"] <= args[1]["spec"]["replicas"] <= spec["maxReplicas"]


@examples(6)
@given(st.integers(1, 70), deeds(own(Load()), without=WITHOUT))
def test_the_size_follows_the_load(at_last: int, happened: list[Any]) -> None:
    load = Load()
    classes = (HorizontalPodAutoscalerController, DeploymentController, ReplicaSetController)
    with (
        World(*classes, GarbageCollector, PodGarbageCollector, checks=[stays_within_bounds]) as world,
        load.measured_in(world),
    ):
        target = deployment(2, STRATEGIES[1])
        target["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m"}}
        world.client.create(DEPLOY, target, NAMESPACE)
        metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
            "minReplicas": 1,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": metric}],
        }
        world.client.create(HPA, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, own(load))
        load.total = at_last
        if not world.get(DEPLOY)["spec"]["replicas"]:  # what is scaled to nothing stays there
            world.patch(DEPLOY, {"spec": {"replicas": 1}})
        world.recover()
        check(world, world.get(HPA), at_last)
        world.assert_at_rest()


def check(world: World, hpa: Obj, load: int) -> None:
    least, most = hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]
    size = world.get(DEPLOY)["spec"]["replicas"]
    wanted = min(max(-(-load // 10), least), most)
    tolerated = abs(load / 10 / size - 1) <= 0.15
    assert least <= size <= most and (size == wanted or tolerated), (size, wanted)
    status = hpa["status"]
    assert status["currentReplicas"] == status["desiredReplicas"] == size
    assert (condition(hpa, "AbleToScale") or {})["status"] == "True"
    assert (condition(hpa, "ScalingActive") or {})["status"] == "True"
