"""Resource lists: sums keep the words in which amounts were given."""

from __future__ import annotations

import pytest

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.policy import amounts, pod_resources


@pytest.mark.parametrize(
    ("a", "b", "total", "difference"),
    [
        ("1", "500m", "1500m", "500m"),
        ("0", "512Mi", "512Mi", "-512Mi"),
        ("512Mi", "0", "512Mi", "512Mi"),
        ("512Mi", "512Mi", "1Gi", "0"),
        ("1G", "1Gi", "2073741824", "-73741824"),
        ("1Ki", "24", "1048", "1k"),
    ],
)
def test_sums_in_style(a: str, b: str, total: str, difference: str) -> None:
    assert quantity.add(a, b) == total
    assert quantity.subtract(a, b) == difference


def test_lists() -> None:
    a, b = {"cpu": "1", "memory": "1Gi"}, {"cpu": "300m", "pods": "2"}
    assert amounts.add(a, b) == {"cpu": "1300m", "memory": "1Gi", "pods": "2"}
    assert amounts.subtract(a, b) == {"cpu": "700m", "memory": "1Gi", "pods": "0"}
    assert amounts.raised_to(a, {"cpu": "1500m", "memory": "1Mi"}) == {"cpu": "1500m", "memory": "1Gi"}
    assert amounts.exceeding({"cpu": "1001m", "memory": "1"}, {"cpu": "1", "memory": "1", "pods": "0"}) == ["cpu"]
    assert amounts.equal({"cpu": "1000m"}, {"cpu": "1"})
    assert not amounts.equal({"cpu": "1"}, {"cpu": "1", "pods": "0"})
    assert amounts.shown({"b": "1024Mi", "a": "0.5"}) == "a=500m,b=1Gi"


CPU = "cpu"


def _c(amount: str, **more: str) -> Obj:
    return {"name": f"c{amount}", "resources": {"requests": {CPU: amount}, "limits": {CPU: amount}}, **more}


@pytest.mark.parametrize(
    ("spec", "requests", "limits"),
    [
        ({"containers": [_c("1"), _c("500m")]}, "1500m", "1500m"),
        ({"containers": [_c("1")], "initContainers": [_c("3")]}, "3", "3"),
        ({"containers": [_c("1")], "initContainers": [_c("1", restartPolicy="Always"), _c("3")]}, "4", "4"),
        ({"containers": [_c("1")], "initContainers": [_c("3"), _c("1", restartPolicy="Always")]}, "3", "3"),
        ({"containers": [_c("1")], "overhead": {CPU: "250m"}}, "1250m", "1250m"),
        ({"containers": [{"name": "free"}], "overhead": {CPU: "250m"}}, "250m", None),
        ({"containers": [_c("1")], "resources": {"requests": {CPU: "2"}}}, "2", "1"),
    ],
)
def test_what_a_pod_adds_up_to(spec: Obj, requests: str, limits: str | None) -> None:
    assert pod_resources.of_pod({"spec": spec}, "requests").get(CPU) == requests
    assert pod_resources.of_pod({"spec": spec}, "limits").get(CPU) == limits


def test_a_resize_holds_the_larger() -> None:
    known = [{"name": "c1", "resources": {"requests": {CPU: "3"}}, "allocatedResources": {CPU: "2"}}]
    pod = {"spec": {"containers": [_c("1")]}, "status": {"containerStatuses": known}}
    assert pod_resources.of_pod(pod, "requests") == {CPU: "3"}
