"""The official Python client."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from pathlib import Path

import pytest
from kubernetes import client as k
from kubernetes import config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

from tests.support.waiting import eventually

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "box", "labels": {"app": "box"}},
    "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", "echo started; sleep 300"]}]},
}  # fmt: skip


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> k.ApiClient:
    return config.new_client_from_config(str(kubeconfig))


@pytest.fixture
def core(api: k.ApiClient) -> k.CoreV1Api:
    return k.CoreV1Api(api)


def cm(name: str, **data: str) -> k.V1ConfigMap:
    return k.V1ConfigMap(metadata=k.V1ObjectMeta(name=name), data=data)


def test_create_read_patch_replace_delete(core: k.CoreV1Api, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, cm("a", x="1"))
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo
    assert core.patch_namespaced_config_map("a", namespace, {"data": {"y": "2"}}).data == {"x": "1", "y": "2"}
    fresh = core.read_namespaced_config_map("a", namespace)
    fresh.data = {"z": "3"}
    assert core.replace_namespaced_config_map("a", namespace, fresh).data == {"z": "3"}
    made.data = {"late": "1"}
    with pytest.raises(ApiException) as conflict:
        core.replace_namespaced_config_map("a", namespace, made)
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
    assert [
        i.metadata.name for i in core.list_namespaced_config_map(namespace, field_selector="metadata.name=a").items
    ] == ["a"]
    assert core.delete_namespaced_config_map("a", namespace)["status"] == "Success"
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("a", namespace)
    assert missing.value.status == 404


def test_pages(core: k.CoreV1Api, namespace: str) -> None:
    for i in range(5):
        core.create_namespaced_config_map(namespace, cm(f"p{i}"))
    first = core.list_namespaced_config_map(namespace, limit=2)
    rest = core.list_namespaced_config_map(namespace, limit=50, _continue=first.metadata._continue)
    names = [i.metadata.name for i in first.items + rest.items if i.metadata.name.startswith("p")]
    assert names == [f"p{i}" for i in range(5)]


def test_watch(core: k.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, cm("w"))
    core.patch_namespaced_config_map("w", namespace, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("w", namespace)
    watcher, seen = watch.Watch(), []
    for event in watcher.stream(
        core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=30
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 3:
            watcher.stop()
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]


def test_dynamic_client_and_server_side_apply(api: k.ApiClient, namespace: str) -> None:
    configmaps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "1"}}
    made = configmaps.server_side_apply(body, namespace=namespace, field_manager="one")
    assert made.data.to_dict() == {"a": "1"} and made.metadata.managedFields[0].manager == "one"
    with pytest.raises(ApiException) as conflict:
        configmaps.server_side_apply({**body, "data": {"a": "2"}}, namespace=namespace, field_manager="two")
    assert conflict.value.status == 409
    forced = configmaps.server_side_apply(
        {**body, "data": {"a": "2"}}, namespace=namespace, field_manager="two", force_conflicts=True
    )
    assert forced.data.to_dict() == {"a": "2"}


def test_manifests(api: k.ApiClient, namespace: str) -> None:
    spec = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD["spec"]},
    }
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    utils.create_from_dict(api, web, namespace=namespace)
    apps = k.AppsV1Api(api)
    eventually(lambda: apps.read_namespaced_deployment("web", namespace).status.ready_replicas == 1, timeout=60)
    assert apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}}).spec.replicas == 2
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
    eventually(lambda: not apps.list_namespaced_replica_set(namespace).items, timeout=60)


def test_into_a_container(core: k.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_pod(namespace, POD)
    eventually(lambda: core.read_namespaced_pod("box", namespace).status.phase == "Running", timeout=60)
    eventually(lambda: core.read_namespaced_pod_log("box", namespace) == "started\n")
    words = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    session = stream(
        core.connect_get_namespaced_pod_exec,
        "box",
        namespace,
        command=words,
        stdout=True,
        stderr=True,
        _preload_content=False,
    )
    session.run_forever(timeout=30)
    assert (session.read_stdout(), session.read_stderr(), session.returncode) == ("out\n", "err\n", 3)
    echo = stream(
        core.connect_get_namespaced_pod_exec, "box", namespace, command=["cat"], stdin=True, stdout=True, stderr=True, _preload_content=False
    )  # fmt: skip
    echo.write_stdin("typed\n")
    assert echo.readline_stdout(timeout=30) == "typed"
    echo.close()
    core.delete_namespaced_pod("box", namespace, grace_period_seconds=0)


def test_port_forward(core: k.CoreV1Api, namespace: str) -> None:
    web = {**POD, "metadata": {"name": "web"}, "spec": {"containers": [{"name": "w", "image": "nginx:1.27"}]}}
    core.create_namespaced_pod(namespace, web)
    eventually(lambda: core.read_namespaced_pod("web", namespace).status.phase == "Running", timeout=60)
    deadline = time.monotonic() + 30
    while True:
        forward = portforward(core.connect_get_namespaced_pod_portforward, "web", namespace, ports="80")
        sock = forward.socket(80)
        sock.settimeout(20)
        answer = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET / HTTP/1.0\r\nHost: web\r\n\r\n")
            answer = sock.recv(65536)
        sock.close()
        if answer.startswith(b"HTTP/1.") or time.monotonic() > deadline:
            break
        time.sleep(0.2)  # it is Running before it listens
    assert answer.startswith(b"HTTP/1.1 200"), forward.error(80)
    core.delete_namespaced_pod("web", namespace, grace_period_seconds=0)


def test_leader_election(api: k.ApiClient, kubeconfig: Path, namespace: str) -> None:
    config.load_kube_config(str(kubeconfig))
    led = threading.Event()
    lock = ConfigMapLock("leader", namespace, f"me-{uuid.uuid4()}")
    wanted = electionconfig.Config(
        lock,
        lease_duration=5,
        renew_deadline=4,
        retry_period=1,
        onstarted_leading=led.set,
        onstopped_leading=lambda: None,
    )

    def lead() -> None:  # it cannot be told to stop: it ends when the cluster does
        with contextlib.suppress(Exception):
            leaderelection.LeaderElection(wanted).run()

    threading.Thread(target=lead, daemon=True).start()
    assert led.wait(30)
    found = k.CoreV1Api(api).read_namespaced_config_map("leader", namespace)
    assert "control-plane.alpha.kubernetes.io/leader" in found.metadata.annotations


def test_everything_it_can_list(api: k.ApiClient) -> None:
    """Each typed list call decodes what the server answers."""
    groups = [k.CoreV1Api, k.AppsV1Api, k.BatchV1Api, k.NetworkingV1Api, k.RbacAuthorizationV1Api, k.StorageV1Api,
              k.PolicyV1Api, k.AutoscalingV2Api, k.CoordinationV1Api, k.DiscoveryV1Api, k.SchedulingV1Api]  # fmt: skip
    asked = 0
    for group in (g(api) for g in groups):
        for name in dir(group):
            if name.startswith("list_") and not name.endswith("_with_http_info") and "_namespaced_" not in name:
                try:
                    getattr(group, name)()
                    asked += 1
                except ApiException as e:
                    assert e.status == 404, name  # a kind that this cluster does not have
    assert asked > 30
