"""The metrics API comes with the first node that has something to measure."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj, condition_is
from minikctl.controllers.metrics_registration import MetricsRegistrationController, is_real
from tests.controllers.conftest import MakePlane


def node(runtime: str) -> Obj:
    return {"metadata": {"name": "n"}, "status": {"nodeInfo": {"containerRuntimeVersion": runtime}}}


@pytest.mark.parametrize(
    ("runtime", "real"), [("minikctl-process://0.1.0", True), ("minikctl-simulated://0", False), ("", False)]
)
def test_which_nodes_are_real(plane_of: MakePlane, runtime: str, real: bool) -> None:
    assert is_real(node(runtime)) is real
    plane = plane_of(MetricsRegistrationController)
    plane.cluster.client.create("nodes", node(runtime))
    plane.settle()
    found = plane.cluster.client.list("apiservices")["items"]
    assert len(found) == real and all(condition_is(f, "Available") for f in found)
    roles = plane.cluster.client.list("clusterroles")["items"]
    assert [r["metadata"]["name"] for r in roles] == ["system:aggregated-metrics-reader"] * real
    assert (plane.cluster.client.kind("pods.metrics.k8s.io") is not None) is real
    plane.assert_at_rest()


def test_who_deletes_it_wants_no_metrics(plane_of: MakePlane) -> None:
    plane = plane_of(MetricsRegistrationController)
    plane.cluster.client.create("nodes", node("minikctl-process://0.1.0"))
    plane.settle()
    plane.cluster.client.delete("apiservices", "v1beta1.metrics.k8s.io")
    plane.cluster.client.patch("nodes", "n", {"metadata": {"labels": {"x": "y"}}})
    plane.settle()
    assert not plane.cluster.client.list("apiservices")["items"]
