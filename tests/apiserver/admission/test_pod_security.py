"""PodSecurity at admission: pods are refused, workloads warned of, namespaces checked when they become stricter."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.apiserver.admission.building import container, pod
from tests.support.cluster import TestCluster

PREFIX = "pod-security.kubernetes.io/"
PRIVILEGED = container(securityContext={"privileged": True})
FAULT = 'privileged (container "main" must not set securityContext.privileged=true)'


def label(cluster: TestCluster, **labels: str) -> list[str]:
    """Set the default namespace's modes; the warnings."""
    keys = {PREFIX + k.replace("_", "-"): v for k, v in labels.items()}
    heard: list[str] = []
    cluster.client.on_warning(heard.append)
    cluster.client.patch("namespaces", "default", {"metadata": {"labels": keys}})
    cluster.client.on_warning(lambda _text: None)
    return heard


def test_a_pod_that_breaks_the_level_is_refused(cluster: TestCluster) -> None:
    label(cluster, enforce="baseline", enforce_version="v1.30")
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", pod("web", PRIVILEGED), "default")
    assert refused.value.message == f'pods "web" is forbidden: violates PodSecurity "baseline:v1.30": {FAULT}'
    assert refused.value.code == 403
    cluster.client.create("pods", pod("fine"), "default")


def test_a_workload_is_only_warned_of(cluster: TestCluster) -> None:
    label(cluster, enforce="baseline")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [PRIVILEGED]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    heard: list[str] = []
    cluster.client.on_warning(heard.append)
    cluster.client.create("deployments.apps", {"metadata": {"name": "web"}, "spec": spec}, "default")
    job = {"jobTemplate": {"spec": {"template": {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}}}}
    cron = {"metadata": {"name": "web"}, "spec": {"schedule": "* * * * *", **job}}
    cluster.client.create("cronjobs.batch", cron, "default")
    assert heard == [f'would violate PodSecurity "baseline:latest": {FAULT}'] * 2


def test_modes_are_independent(cluster: TestCluster) -> None:
    label(cluster, enforce="privileged", warn="baseline", audit="baseline", audit_version="v1.20")
    heard: list[str] = []
    cluster.client.on_warning(heard.append)
    cluster.client.create("pods", pod("web", PRIVILEGED), "default")
    assert heard == [f'would violate PodSecurity "baseline:latest": {FAULT}']


def test_updates_that_touch_nothing_of_it_pass(cluster: TestCluster) -> None:
    cluster.client.create("pods", pod("web", PRIVILEGED), "default")
    label(cluster, enforce="baseline")
    cluster.client.patch("pods", "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "other"}]
    with pytest.raises(ApiError, match="violates PodSecurity"):
        cluster.client.patch("pods", "web", image, "default", patch_type="json")
    debug = {"spec": {"ephemeralContainers": [{"name": "d", "image": "busybox"}]}}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        cluster.client.patch("pods", "web", debug, "default", subresource="ephemeralcontainers")


def test_labels_must_be_readable(cluster: TestCluster) -> None:
    with pytest.raises(ApiError) as refused:
        label(cluster, enforce="strict")
    assert refused.value.message == (
        'Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted"
    )


def owned(by: str) -> Obj:
    return {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": by, "uid": by, "controller": True}]}  # fmt: skip


def test_who_tightens_a_namespace_hears_of_its_pods(cluster: TestCluster) -> None:
    for name in ("b", "a", "c"):
        made = pod(name, PRIVILEGED)
        cluster.client.create("pods", {**made, "metadata": {**made["metadata"], **owned("rs")}}, "default")
    cluster.client.create("pods", pod("net", hostNetwork=True), "default")
    cluster.client.create("pods", pod("fine"), "default")
    assert label(cluster, enforce="baseline") == [
        'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 2 other pods): privileged",
        "net: host namespaces",
    ]
    assert label(cluster, enforce="privileged") == []
    assert label(cluster, warn="baseline") == []


def test_on_the_command_line(cluster: TestCluster) -> None:
    cluster.client.create("pods", pod("web", PRIVILEGED), "default")
    done = cluster.cli("label", "ns", "default", f"{PREFIX}enforce=baseline")
    assert done.out == "namespace/default labeled\n"
    assert done.err.splitlines() == [
        'Warning: existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
        "Warning: web: privileged",
    ]
