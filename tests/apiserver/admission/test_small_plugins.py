"""The plugins that are a rule or two: RuntimeClass, DefaultIngressClass, PodTopologyLabels, PriorityClass defaults."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.util.clock import FakeClock
from tests.apiserver.admission.building import pod
from tests.support.cluster import TestCluster

GVISOR: Obj = {
    "metadata": {"name": "gvisor"},
    "handler": "runsc",
    "overhead": {"podFixed": {"memory": "64Mi", "cpu": "100m"}},
    "scheduling": {"nodeSelector": {"runtime": "gvisor"}, "tolerations": [{"key": "gvisor", "operator": "Exists"}]},
}


def test_a_runtime_class_gives_overhead_and_nodes(cluster: TestCluster) -> None:
    cluster.client.create("runtimeclasses", GVISOR)
    made = cluster.client.create("pods", pod(runtimeClassName="gvisor", nodeSelector={"disk": "ssd"}), "default")
    spec = made["spec"]
    assert spec["overhead"] == {"memory": "64Mi", "cpu": "100m"}
    assert spec["nodeSelector"] == {"disk": "ssd", "runtime": "gvisor"}
    assert {"key": "gvisor", "operator": "Exists"} in spec["tolerations"]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"runtimeClassName": "kata"}, 'pod rejected: RuntimeClass "kata" not found'),
        (
            {"runtimeClassName": "gvisor", "overhead": {"cpu": "1"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "gvisor", "nodeSelector": {"runtime": "runc"}},
            "conflict: runtimeClass.scheduling.nodeSelector[runtime] = gvisor; pod.spec.nodeSelector[runtime] = runc",
        ),
        (
            {"overhead": {"cpu": "1"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
    ],
)
def test_what_a_runtime_class_refuses(cluster: TestCluster, spec: Obj, why: str) -> None:
    cluster.client.create("runtimeclasses", GVISOR)
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", pod(**spec), "default")
    assert refused.value.message == f'pods "web" is forbidden: {why}'


def ingress_class(name: str, default: str = "true") -> Obj:
    notes = {"ingressclass.kubernetes.io/is-default-class": default}
    return {"metadata": {"name": name, "annotations": notes}, "spec": {"controller": "example.com/x"}}


def ingress(**more: Any) -> Obj:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {"metadata": {"name": "web", **more.pop("metadata", {})}, "spec": {"defaultBackend": backend, **more}}


def test_the_newest_default_ingress_class_is_taken(tmp_path: Path) -> None:
    clock = FakeClock()
    cluster = TestCluster(tmp_path / "state", clock=clock)
    for name, default in (("old", "true"), ("new", "true"), ("other", "false")):
        cluster.client.create("ingressclasses", ingress_class(name, default))
        clock.advance(timedelta(minutes=1).total_seconds())
    made = cluster.client.create("ingresses", ingress(), "default")
    assert made["spec"]["ingressClassName"] == "new"
    cluster.close()


@pytest.mark.parametrize(
    "given",
    [{"ingressClassName": "mine"}, {"metadata": {"annotations": {"kubernetes.io/ingress.class": "mine"}}}],
)
def test_an_ingress_that_names_its_class_keeps_it(cluster: TestCluster, given: Obj) -> None:
    cluster.client.create("ingressclasses", ingress_class("default"))
    made = cluster.client.create("ingresses", ingress(**given), "default")
    assert made["spec"].get("ingressClassName") == given.get("ingressClassName")


def test_a_pod_learns_the_zone_of_its_node(cluster: TestCluster) -> None:
    labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "disk": "ssd"}
    cluster.client.create("nodes", {"metadata": {"name": "n", "labels": labels}})
    cluster.client.create("pods", pod("late"), "default")
    binding = {"metadata": {"name": "late"}, "target": {"kind": "Node", "name": "n"}}
    cluster.client.create("pods", binding, "default", name="late", subresource="binding")
    cluster.client.create("pods", pod("early", nodeName="n"), "default")
    for name in ("late", "early"):
        found = cluster.client.get("pods", name, "default")["metadata"]["labels"]
        assert found == {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"}


def test_there_is_one_default_priority_class(cluster: TestCluster) -> None:
    first = {"metadata": {"name": "first"}, "value": 5, "globalDefault": True}
    cluster.client.create("priorityclasses", first)
    cluster.client.patch("priorityclasses", "first", {"description": "still the default"})
    with pytest.raises(ApiError) as refused:
        cluster.client.create("priorityclasses", {**first, "metadata": {"name": "second"}})
    assert refused.value.message == (
        'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass first is already marked as default. '
        "Only one default can exist"
    )
    assert cluster.client.create("pods", pod(), "default")["spec"]["priority"] == 5


def test_every_plugin_has_a_place_of_its_own() -> None:
    from minikctl.apiserver.admission import chain

    names = [p.name for p in chain()]
    assert len(set(names)) == len(names)
    on_by_default = (
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "PodSecurity",
        "Priority",
        "DefaultTolerationSeconds",
        "DefaultStorageClass",
        "StorageObjectInUseProtection",
        "PersistentVolumeClaimResize",
        "RuntimeClass",
        "DefaultIngressClass",
        "PodTopologyLabels",
        "MutatingAdmissionWebhook",
        "ValidatingAdmissionWebhook",
        "ResourceQuota",
    )
    assert set(on_by_default) <= set(names)
    assert names.index("MutatingAdmissionWebhook") < names.index("ValidatingAdmissionWebhook")


def test_the_account_of_a_fresh_namespace_is_waited_for(cluster: TestCluster) -> None:
    cluster.client.create("namespaces", {"metadata": {"name": "fresh"}})
    account = {"metadata": {"name": "default"}}
    later = threading.Timer(0.05, lambda: cluster.client.create("serviceaccounts", account, "fresh"))
    later.start()
    try:
        cluster.client.create("pods", pod(), "fresh")
    finally:
        later.join(10)


def test_an_account_that_does_not_come(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikctl.apiserver.admission.service_account.PATIENCE_SECONDS", 0.02)
    cluster.client.create("namespaces", {"metadata": {"name": "fresh"}})
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", pod(), "fresh")
    assert refused.value.message == (
        'pods "web" is forbidden: error looking up service account fresh/default: serviceaccount "default" not found'
    )
