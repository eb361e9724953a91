"""ResourceQuota at admission: what is charged, what is refused and in which words, and many at the same time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import WriteOptions
from tests.apiserver.admission.building import add_quota, container, pod, used
from tests.support.cluster import TestCluster

SMALL = {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}


def test_a_pod_is_charged_with_all_it_asks_for(cluster: TestCluster) -> None:
    names = ("pods", "count/pods", "cpu", "requests.memory", "limits.cpu", "limits.memory", "requests.example.com/gpu")
    add_quota(cluster, dict.fromkeys(names, "10Gi"))
    gpus = {"example.com/gpu": "2"}
    both = {"requests": {**SMALL["requests"], **gpus}, "limits": {**SMALL["limits"], **gpus}}
    init = container("first", requests={"cpu": "1", "memory": "32Mi"}, limits={"cpu": "1", "memory": "32Mi"})
    made = pod("web", container("a", **both), container("b", **SMALL), initContainers=[init])
    cluster.client.create("pods", made, "default")
    assert used(cluster) == {
        "count/pods": "1",
        "cpu": "1",
        "limits.cpu": "1",
        "limits.memory": "256Mi",
        "pods": "1",
        "requests.example.com/gpu": "2",
        "requests.memory": "128Mi",
    }


def test_what_a_container_must_name(cluster: TestCluster) -> None:
    add_quota(cluster, {"requests.cpu": "1", "limits.memory": "1Gi", "limits.ephemeral-storage": "1Gi"})
    several = pod("web", container("b"), container("a"), container("c", **SMALL))
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", several, "default")
    assert refused.value.message == (
        'pods "web" is forbidden: failed quota: team: must specify limits.memory for: a,b; requests.cpu for: a,b'
    )
    assert refused.value.code == 403


def test_more_than_is_left(cluster: TestCluster) -> None:
    add_quota(cluster, {"requests.cpu": "1", "pods": "10"})
    cluster.client.create("pods", pod("a", container(requests={"cpu": "800m"})), "default")
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pods", pod("b", container(requests={"cpu": "1500m"})), "default")
    assert refused.value.message == (
        'pods "b" is forbidden: exceeded quota: team, requested: requests.cpu=1500m, used: requests.cpu=800m, '
        "limited: requests.cpu=1"
    )
    assert used(cluster) == {"pods": "1", "requests.cpu": "800m"}


def test_a_quota_that_nobody_has_counted_yet(cluster: TestCluster) -> None:
    made = cluster.client.create(
        "resourcequotas", {"metadata": {"name": "new"}, "spec": {"hard": {"pods": "1", "secrets": "1"}}}, "default"
    )
    cluster.client.create("pods", pod("before"), "default")
    half = {"hard": {"pods": "1", "secrets": "1"}, "used": {"secrets": "0"}}
    cluster.client.update("resourcequotas", {**made, "status": half}, subresource="status")
    with pytest.raises(ApiError, match="status unknown for quota: new, resources: pods"):
        cluster.client.create("pods", pod("after"), "default")


def test_a_dry_run_is_checked_and_not_charged(cluster: TestCluster) -> None:
    add_quota(cluster, {"configmaps": "1"})
    dry = WriteOptions(dry_run=True)
    cluster.client.create("configmaps", {"metadata": {"name": "a"}}, "default", options=dry)
    assert used(cluster) == {"configmaps": "0"}
    cluster.client.create("configmaps", {"metadata": {"name": "a"}}, "default")
    with pytest.raises(ApiError, match="exceeded quota: team, requested: configmaps=1, used: configmaps=1"):
        cluster.client.create("configmaps", {"metadata": {"name": "b"}}, "default", options=dry)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"ports": [{"port": 80}]}, {"services": "1", "services.nodeports": "0", "services.loadbalancers": "0"}),
        (
            {"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]},
            {"services": "1", "services.nodeports": "2", "services.loadbalancers": "0"},
        ),
        (
            {"type": "LoadBalancer", "ports": [{"port": 80}]},
            {"services": "1", "services.nodeports": "1", "services.loadbalancers": "1"},
        ),
        (
            {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{"port": 80}]},
            {"services": "1", "services.nodeports": "0", "services.loadbalancers": "1"},
        ),
    ],
)
def test_services(cluster: TestCluster, service: Obj, expected: Obj) -> None:
    add_quota(cluster, dict.fromkeys(expected, "5"))
    cluster.client.create("services", {"metadata": {"name": "s"}, "spec": service}, "default")
    assert used(cluster) == expected


def test_a_service_that_becomes_another_type(cluster: TestCluster) -> None:
    add_quota(cluster, {"services.nodeports": "1"})
    spec = {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}
    cluster.client.create("services", {"metadata": {"name": "s"}, "spec": spec}, "default")
    with pytest.raises(ApiError, match=r"exceeded quota: team, requested: services.nodeports=2, used: services.nodep"):
        cluster.client.patch("services", "s", {"spec": {"type": "NodePort"}}, "default")


def claim(name: str, size: str, storage_class: str | None = None) -> Obj:
    spec: Obj = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": name}, "spec": spec}


def test_claims_by_class(cluster: TestCluster) -> None:
    gold = "gold.storageclass.storage.k8s.io"
    hard = {
        "persistentvolumeclaims": "3",
        "requests.storage": "100Gi",
        f"{gold}/requests.storage": "10Gi",
        f"{gold}/persistentvolumeclaims": "1",
    }
    add_quota(cluster, hard)
    cluster.client.create("pvc", claim("plain", "20Gi"), "default")
    cluster.client.create("pvc", claim("fine", "5Gi", "gold"), "default")
    assert used(cluster) == {
        f"{gold}/persistentvolumeclaims": "1",
        f"{gold}/requests.storage": "5Gi",
        "persistentvolumeclaims": "2",
        "requests.storage": "25Gi",
    }
    with pytest.raises(ApiError) as refused:
        cluster.client.create("pvc", claim("more", "6Gi", "gold"), "default")
    assert refused.value.message == (
        f'persistentvolumeclaims "more" is forbidden: exceeded quota: team, requested: {gold}/persistentvolumeclaims=1,'
        f"{gold}/requests.storage=6Gi, used: {gold}/persistentvolumeclaims=1,{gold}/requests.storage=5Gi, "
        f"limited: {gold}/persistentvolumeclaims=1,{gold}/requests.storage=10Gi"
    )


@pytest.mark.parametrize(
    ("name", "resource", "obj"),
    [
        ("configmaps", "configmaps", {}),
        ("count/configmaps", "configmaps", {}),
        ("secrets", "secrets", {}),
        ("resourcequotas", "resourcequotas", {"spec": {"hard": {"pods": "1"}}}),
        ("count/serviceaccounts", "serviceaccounts", {}),
        (
            "count/deployments.apps",
            "deployments.apps",
            {
                "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()]}},
                }
            },
        ),
    ],
)
def test_objects_are_counted(cluster: TestCluster, name: str, resource: str, obj: Obj) -> None:
    add_quota(cluster, {name: "1"})
    cluster.client.create(resource, {"metadata": {"name": "one"}, **obj}, "default")
    assert used(cluster) == {name: "1"}
    with pytest.raises(ApiError, match=f"exceeded quota: team, requested: {name}=1, used: {name}=1, limited: {name}=1"):
        cluster.client.create(resource, {"metadata": {"name": "two"}, **obj}, "default")


PINNED = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "namespaces": ["other"], "labelSelector": {"matchLabels": {"a": "b"}}}
        ]
    }
}


@pytest.mark.parametrize(
    ("scope", "pod_spec", "selected"),
    [
        ("BestEffort", {}, True),
        ("BestEffort", {"containers": [container(requests={"cpu": "1"})]}, False),
        ("NotBestEffort", {}, False),
        ("NotBestEffort", {"containers": [container(requests={"cpu": "1"})]}, True),
        ("Terminating", {"activeDeadlineSeconds": 60}, True),
        ("Terminating", {}, False),
        ("NotTerminating", {}, True),
        ("CrossNamespacePodAffinity", {"affinity": PINNED}, True),
        ("CrossNamespacePodAffinity", {}, False),
        ("PriorityClass", {"priorityClassName": "high"}, True),
        ("PriorityClass", {}, False),
        ({"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}, {"priorityClassName": "high"}, True),
        ({"scopeName": "PriorityClass", "operator": "In", "values": ["low"]}, {"priorityClassName": "high"}, False),
        ({"scopeName": "PriorityClass", "operator": "NotIn", "values": ["low"]}, {}, True),
        ({"scopeName": "PriorityClass", "operator": "DoesNotExist"}, {"priorityClassName": "high"}, False),
    ],
)
def test_scopes(cluster: TestCluster, scope: str | Obj, pod_spec: Obj, selected: bool) -> None:
    cluster.client.create("priorityclasses", {"metadata": {"name": "high"}, "value": 7})
    limited: Obj = {"scopes": [scope]} if isinstance(scope, str) else {"scopeSelector": {"matchExpressions": [scope]}}
    add_quota(cluster, {"pods": "5"}, **limited)
    cluster.client.create("pods", {"metadata": {"name": "p"}, "spec": pod("p")["spec"] | pod_spec}, "default")
    assert used(cluster) == {"pods": "1" if selected else "0"}


def test_of_two_quotas_none_is_charged_when_one_refuses(cluster: TestCluster) -> None:
    add_quota(cluster, {"pods": "5"}, "a")
    add_quota(cluster, {"pods": "0"}, "b")
    with pytest.raises(ApiError, match="exceeded quota: b"):
        cluster.client.create("pods", pod(), "default")
    assert used(cluster, "a") == {"pods": "0"}


def test_other_namespaces_are_not_concerned(cluster: TestCluster) -> None:
    add_quota(cluster, {"configmaps": "0"})
    cluster.client.create("configmaps", {"metadata": {"name": "a"}}, "kube-system")


def test_threads_share_a_quota_exactly(cluster: TestCluster) -> None:
    add_quota(cluster, {"pods": "5"})

    def create(number: int) -> bool:
        try:
            cluster.client.create("pods", pod(f"p{number}"), "default")
        except ApiError as e:
            assert "exceeded quota: team" in e.message, e.message
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(create, range(24)))
    assert sum(made) == 5
    assert len(cluster.client.list("pods", "default")["items"]) == 5
    assert used(cluster) == {"pods": "5"}


MAKER = """
import sys
from minikctl.api.errors import ApiError
from minikctl.client.local import LocalClient
client, made = LocalClient.on_files(sys.argv[1], actor="test"), 0
for i in range(10):
    try:
        client.create("configmaps", {"metadata": {"name": f"{sys.argv[2]}-{i}"}}, "default")
        made += 1
    except ApiError as e:
        assert "exceeded quota" in e.message, e.message
print(made)
"""


def test_processes_share_a_quota_exactly(cluster: TestCluster) -> None:
    add_quota(cluster, {"configmaps": "12"})
    command = [sys.executable, "-c", MAKER, str(cluster.root)]
    makers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "abc"]
    assert sum(int(m.communicate(timeout=60)[0]) for m in makers) == 12
    assert used(cluster) == {"configmaps": "12"}
