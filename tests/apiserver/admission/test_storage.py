"""What claims and volumes get, and what they are refused, before they are stored."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.apiserver.bootstrap import bootstrap
from tests.support.cluster import TestCluster


def claim(name: str = "data", **spec: object) -> Obj:
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": {**base, **spec}}


def test_a_claim_gets_the_default_class_of_a_new_cluster(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    made = cluster.client.create("pvc", claim(), "default")
    assert made["spec"]["storageClassName"] == "standard"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


@pytest.mark.parametrize(("given", "expected"), [("", ""), ("slow", "slow")])
def test_a_claim_that_says_so_has_another_or_none(cluster: TestCluster, given: str, expected: str) -> None:
    bootstrap(cluster.api)
    made = cluster.client.create("pvc", claim(storageClassName=given), "default")
    assert made["spec"]["storageClassName"] == expected


def test_of_several_default_classes_the_newest_counts(cluster: TestCluster) -> None:
    marked = {"storageclass.kubernetes.io/is-default-class": "true"}
    for name in ("b", "a", "c"):
        meta: Obj = {"name": name, "annotations": marked if name != "c" else {}}
        cluster.client.create("sc", {"metadata": meta, "provisioner": "example.com/x"})
    assert cluster.client.create("pvc", claim(), "default")["spec"]["storageClassName"] in ("a", "b")


def test_without_a_default_class_it_stays_open(cluster: TestCluster) -> None:
    assert "storageClassName" not in cluster.client.create("pvc", claim(), "default")["spec"]
