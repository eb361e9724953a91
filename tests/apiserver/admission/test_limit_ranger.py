"""LimitRanger: defaults, bounds and their words."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.policy import limit_range
from tests.apiserver.admission.building import container, pod
from tests.support.cluster import TestCluster


def limit(cluster: TestCluster, *items: Obj, name: str = "sizes") -> None:
    cluster.client.create("limitranges", {"metadata": {"name": name}, "spec": {"limits": list(items)}}, "default")


def test_defaults_and_who_set_them(cluster: TestCluster) -> None:
    limit(cluster, {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}})
    init = container("first", limits={"cpu": "2"})
    made = cluster.client.create("pods", pod("web", container("a"), initContainers=[init]), "default")
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "100m", "memory": "1Gi"},
    }
    assert made["spec"]["initContainers"][0]["resources"]["requests"] == {"cpu": "2", "memory": "1Gi"}
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; "
        "memory request for init container first; memory limit for init container first"
    )


def test_a_pod_that_names_all_is_left_alone(cluster: TestCluster) -> None:
    limit(cluster, {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}})
    full = container(requests={"cpu": "200m"}, limits={"cpu": "300m"})
    assert "annotations" not in cluster.client.create("pods", pod("web", full), "default")["metadata"]


BOUNDS = [
    ({"min": {"cpu": "100m"}}, {}, {}, "minimum cpu usage per Container is 100m.  No request is specified"),
    ({"min": {"cpu": "100m"}}, {"cpu": "50m"}, {}, "minimum cpu usage per Container is 100m, but request is 50m"),
    (
        {"min": {"memory": "1Gi"}},
        {"memory": "1Gi"},
        {"memory": "1Mi"},
        "minimum memory usage per Container is 1Gi, but limit is 1Mi",
    ),
    ({"max": {"cpu": "1"}}, {"cpu": "1"}, {}, "maximum cpu usage per Container is 1.  No limit is specified"),
    ({"max": {"cpu": "1"}}, {}, {"cpu": "1100m"}, "maximum cpu usage per Container is 1, but limit is 1100m"),
    ({"max": {"cpu": "1"}}, {"cpu": "2"}, {"cpu": "1"}, "maximum cpu usage per Container is 1, but request is 2"),
    ({"max": {"cpu": "1"}, "min": {"cpu": "100m"}}, {"cpu": "100m"}, {"cpu": "1"}, ""),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {"cpu": "100m"},
        {"cpu": "250m"},
        "cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {},
        {"cpu": "1"},
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {"cpu": "1"},
        {},
        "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
    ),
    ({"maxLimitRequestRatio": {"cpu": "1500m"}}, {"cpu": "1"}, {"cpu": "1500m"}, ""),
    (
        {"min": {"cpu": "2"}, "max": {"memory": "1Mi"}},
        {"cpu": "1"},
        {"memory": "2Mi"},
        "[minimum cpu usage per Container is 2, but request is 1, "
        "maximum memory usage per Container is 1Mi, but limit is 2Mi]",
    ),
]


@pytest.mark.parametrize(("bounds", "requests", "limits", "expected"), BOUNDS)
def test_bounds(bounds: Obj, requests: Obj, limits: Obj, expected: str) -> None:
    item = {"spec": {"limits": [{"type": "Container", **bounds}]}}
    found = limit_range.violations("pods", pod("p", container(requests=requests, limits=limits)), item)
    assert (limit_range.joined(found) if found else "") == expected


def test_pods_as_a_whole(cluster: TestCluster) -> None:
    limit(cluster, {"type": "Pod", "max": {"memory": "1Gi"}})
    half = {"limits": {"memory": "600Mi"}}
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", pod("big", container("a", **half), container("b", **half)), "default")
    assert refused.value.message == (
        'pods "big" is forbidden: maximum memory usage per Pod is 1Gi, but limit is 1200Mi'
    )
    cluster.client.create("pods", pod("one", container("a", **half)), "default")


def claim(name: str, size: str) -> Obj:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("500Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"),
        ("11Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 11Gi"),
        ("5Gi", ""),
    ],
)
def test_claims(cluster: TestCluster, size: str, expected: str) -> None:
    limit(cluster, {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}})
    if not expected:
        cluster.client.create("pvc", claim("data", size), "default")
        return
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pvc", claim("data", size), "default")
    assert refused.value.message == f'persistentvolumeclaims "data" is forbidden: {expected}'


def test_an_update_of_a_pod_is_not_its_business(cluster: TestCluster) -> None:
    cluster.client.create("pods", pod("old"), "default")
    limit(cluster, {"type": "Container", "max": {"cpu": "1"}})
    cluster.client.patch("pods", "old", {"metadata": {"labels": {"a": "b"}}}, "default")


def test_a_pod_without_a_name_yet(cluster: TestCluster) -> None:
    limit(cluster, {"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "1"}})
    nameless = pod("", container(limits={"cpu": "2"}))
    nameless["metadata"] = {"generateName": "web-"}
    with pytest.raises(ApiError, match=r'pods "web-\w{5}" is forbidden: maximum cpu usage'):
        cluster.client.create("pods", nameless, "default")
