"""A kind that is served in two versions and stored in one."""

from itertools import islice
from typing import Any

import pytest

from tests.support.cluster import TestCluster

REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
V1 = "horizontalpodautoscalers.v1.autoscaling"
V2 = "horizontalpodautoscalers"


def v1(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": REF, "maxReplicas": 5, **spec}}


def test_the_stored_version_is_the_preferred_one(cluster: TestCluster) -> None:
    kind = cluster.client.kind("hpa")
    assert kind is not None and kind.version == "v2"
    other = cluster.client.kind_of("autoscaling/v1", "HorizontalPodAutoscaler")
    assert other is not None and other.stored is kind


def test_what_is_written_as_v1_is_stored_as_v2(cluster: TestCluster) -> None:
    made = cluster.client.create(V1, v1(targetCPUUtilizationPercentage=60), "default")
    assert made["apiVersion"] == "autoscaling/v1" and made["spec"]["targetCPUUtilizationPercentage"] == 60
    stored = cluster.client.get(V2, "web", "default")
    target = {"type": "Utilization", "averageUtilization": 60}
    assert stored["apiVersion"] == "autoscaling/v2"
    assert stored["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert stored["spec"]["minReplicas"] == 1


def test_v1_can_be_patched_listed_watched_and_deleted(cluster: TestCluster) -> None:
    cluster.client.create(V1, v1(), "default")
    patched = cluster.client.patch(V1, "web", {"spec": {"targetCPUUtilizationPercentage": 40}}, "default")
    assert patched["spec"]["targetCPUUtilizationPercentage"] == 40
    (listed,) = cluster.client.list(V1, "default")["items"]
    assert listed == patched
    events = list(islice(cluster.client.watch(V1, "default", timeout=5), 1))
    assert [(e.type, e.object["apiVersion"]) for e in events] == [("ADDED", "autoscaling/v1")]
    cluster.client.delete(V1, "web", "default")
    assert cluster.client.list(V2, "default")["items"] == []


METRICS = [
    {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
    {
        "type": "Object",
        "object": {"describedObject": REF, "metric": {"name": "queue"}, "target": {"type": "Value", "value": "3"}},
    },
    {
        "type": "External",
        "external": {
            "metric": {"name": "jobs", "selector": {"matchLabels": {"a": "b"}}},
            "target": {"type": "AverageValue", "averageValue": "2"},
        },
    },
    {
        "type": "ContainerResource",
        "containerResource": {
            "name": "cpu",
            "container": "app",
            "target": {"type": "Utilization", "averageUtilization": 50},
        },
    },
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m["type"])
def test_what_v1_has_no_field_for_survives(cluster: TestCluster, metric: dict[str, Any]) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    made = cluster.client.create(V2, v1(metrics=[metric], behavior=behavior), "default")
    shown = cluster.client.get(V1, "web", "default")
    assert "targetCPUUtilizationPercentage" not in shown["spec"]
    assert "autoscaling.alpha.kubernetes.io/metrics" in shown["metadata"]["annotations"]
    cluster.client.update(V1, shown)
    after = cluster.client.get(V2, "web", "default")
    assert after["spec"] == made["spec"] and "annotations" not in after["metadata"]
