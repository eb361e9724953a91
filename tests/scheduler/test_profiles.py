"""KubeSchedulerConfiguration, and the strategies that it chooses between."""

from __future__ import annotations

import pytest
import yaml

from minikctl.api.meta import Obj
from minikctl.scheduler import profiles
from minikctl.scheduler.framework import Plugin
from minikctl.scheduler.plugins import node_resources_fit as fit
from tests.scheduler.builders import cluster, node, pod


def parse(**content: object) -> profiles.Configuration:
    head = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    return profiles.parse(yaml.safe_dump({**head, **content}))


def plugins(**profile: object) -> dict[str, Plugin]:
    (framework,) = parse(profiles=[profile]).frameworks.values()
    return {p.name: p for p in framework.plugins}


def test_defaults() -> None:
    found = parse()
    assert list(found.frameworks) == ["default-scheduler"] and found.initial_backoff == 1.0
    assert len(found.frameworks["default-scheduler"].plugins) == len(profiles.all_plugins())
    assert parse(podInitialBackoffSeconds=20).max_backoff == 20


def test_plugins_can_be_left_out_and_weighed() -> None:
    found = plugins(
        schedulerName="mine",
        plugins={
            "score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 7}]},
            "filter": {"disabled": [{"name": "TaintToleration"}]},
            "multiPoint": {"disabled": [{"name": "DefaultPreemption"}]},
        },
    )
    assert [p.name for p in found.values() if p.score] == ["NodeResourcesFit"]
    assert found["NodeResourcesFit"].weight == 7 and found["NodeResourcesFit"].filter
    assert found["TaintToleration"].filter is None and found["NodeAffinity"].filter
    assert found["DefaultPreemption"].post_filter is None


WRONG = [
    ("{", "config.yaml: "),
    ("a: b", "not a KubeSchedulerConfiguration"),
    ("{kind: KubeSchedulerConfiguration, apiVersion: v1}", "apiVersion must be kubescheduler.config.k8s.io/v1"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_no_configuration(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as e:
        profiles.parse(text)
    assert "\n" not in str(e.value)


FIT = "NodeResourcesFit"
REFUSED: list[tuple[Obj, str]] = [
    ({"parallelism": 3}, "parallelism: not known"),
    ({"profiles": [{}, {}]}, "default-scheduler is there twice"),
    ({"profiles": [{"plugins": {"score": {"disabled": [{"name": "Nope"}]}}}]}, "no plugin is called Nope"),
    ({"profiles": [{"plugins": {"nowhere": {}}}]}, "plugins.nowhere: not known"),
    ({"profiles": [{"pluginConfig": [{"name": "NodeName", "args": {}}]}]}, "NodeName takes no arguments"),
    ({"profiles": "x"}, "not of the shape"),
    (
        {"profiles": [{"pluginConfig": [{"name": FIT, "args": {"scoringStrategy": {"type": "Best"}}}]}]},
        "unsupported value Best",
    ),
    (
        {"profiles": [{"pluginConfig": [{"name": FIT, "args": {"scoringStrategy": {"type": "RequestedToCapacityRatio"}}}]}]},
        "utilization must rise",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "why"), REFUSED)
def test_what_is_refused(content: Obj, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(**content)


def strategy(kind: str, **more: object) -> Plugin:
    args = {"apiVersion": "x", "kind": "NodeResourcesFitArgs", "scoringStrategy": {"type": kind, **more}}
    return plugins(pluginConfig=[{"name": FIT, "args": args}])[FIT]


SHAPE = {"shape": [{"utilization": 0, "score": 0}, {"utilization": 50, "score": 10}, {"utilization": 100, "score": 5}]}
STRATEGIES: list[tuple[str, Obj, int]] = [
    ("LeastAllocated", {}, 62),
    ("MostAllocated", {}, 37),
    ("MostAllocated", {"resources": [{"name": "cpu", "weight": 3}, {"name": "memory", "weight": 1}]}, 43),
    ("MostAllocated", {"resources": [{"name": "cpu"}, {"name": "example.com/gpu", "weight": 9}]}, 50),
    ("RequestedToCapacityRatio", {"requestedToCapacityRatio": SHAPE}, 75),
]


@pytest.mark.parametrize(("kind", "more", "expected"), STRATEGIES)
def test_strategies(kind: str, more: Obj, expected: int) -> None:
    """Half of the cpu and a quarter of the memory would be used."""
    capacity = {"cpu": "4", "memory": "8Gi", "pods": "10", "example.com/gpu": "2"}
    score = strategy(kind, **more).score
    assert score
    who = pod(requests={"cpu": "2", "memory": "2Gi"})
    assert score(cluster([]), who, node(allocatable=capacity)) == expected


def test_the_default_strategy_written_out_is_the_same() -> None:
    default = strategy("LeastAllocated").score
    assert default
    for requests in ({}, {"cpu": "1"}, {"cpu": "3", "memory": "1Gi"}, {"memory": "9Gi"}):
        who, where = pod(requests=requests), node()
        assert default(cluster([]), who, where) == fit.score(cluster([]), who, where)


@pytest.mark.parametrize(("used", "expected"), [(0, 0), (25, 50), (50, 100), (75, 75), (100, 50), (150, 50)])
def test_the_shape_is_a_line_between_points(used: int, expected: int) -> None:
    assert fit.by_shape([(0, 0), (50, 100), (100, 50)])(used, 100) == expected
