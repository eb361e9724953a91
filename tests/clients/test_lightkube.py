"""lightkube: typed models, apply, watch, status, logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightkube import ApiError, Client, KubeConfig
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.types import CascadeType, PatchType

from tests.support.waiting import eventually


@pytest.fixture
def client(kubeconfig: Path, namespace: str) -> Client:
    return Client(config=KubeConfig.from_file(kubeconfig), namespace=namespace, field_manager="light")


def cm(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, labels={"n": name}), data=data)


def test_create_read_patch_delete(client: Client) -> None:
    made = client.create(cm("a", x="1"))
    assert made.metadata and made.metadata.uid
    assert client.patch(ConfigMap, "a", {"data": {"y": "2"}}, patch_type=PatchType.MERGE).data == {"x": "1", "y": "2"}
    made.data = {"stale": "1"}
    with pytest.raises(ApiError) as conflict:
        client.replace(made)
    assert conflict.value.status.reason == "Conflict"
    assert [c.metadata.name for c in client.list(ConfigMap, labels={"n": "a"})] == ["a"]
    assert [c.metadata.name for c in client.list(ConfigMap, chunk_size=1, fields={"metadata.name": "a"})] == ["a"]
    client.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as missing:
        client.get(ConfigMap, "a")
    assert missing.value.status.code == 404


def test_apply(client: Client, kubeconfig: Path, namespace: str) -> None:
    first = cm("s", a="1")
    first.metadata.labels = None
    assert client.apply(first).data == {"a": "1"}
    other = Client(config=KubeConfig.from_file(kubeconfig), namespace=namespace, field_manager="other")
    first.data = {"a": "2"}
    with pytest.raises(ApiError) as conflict:
        other.apply(first)
    assert conflict.value.status.code == 409
    assert other.apply(first, force=True).data == {"a": "2"}


def test_watch(client: Client) -> None:
    version = client.get(Namespace, client.namespace).metadata.resourceVersion
    client.create(cm("w"))
    client.delete(ConfigMap, "w")
    seen = []
    for event, obj in client.watch(ConfigMap, resource_version=version, labels={"n": "w"}, server_timeout=30):
        seen.append((event, obj.metadata.name))
        if len(seen) == 2:
            break
    assert seen == [("ADDED", "w"), ("DELETED", "w")]


def test_wait_and_logs(client: Client) -> None:
    spec = {
        "containers": [
            {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", "echo one; echo two; sleep 300"]}
        ]
    }
    client.create(Pod.from_dict({"metadata": {"name": "box"}, "spec": spec}))
    ready = client.wait(Pod, "box", for_conditions=["Ready"])
    assert ready.status.phase == "Running"
    eventually(lambda: list(client.log("box")) == ["one\n", "two\n"])
    assert list(client.log("box", tail_lines=1)) == ["two\n"]
    client.delete(Pod, "box", grace_period=0)


def test_scale_and_cascade(client: Client) -> None:
    pod = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "w", "image": "nginx:1.27"}], "terminationGracePeriodSeconds": 1},
    }
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": pod}}
    client.create(Deployment.from_dict(body))
    client.wait(Deployment, "web", for_conditions=["Available"])
    scale = client.get(Deployment.Scale, "web")
    scale.spec.replicas = 2
    assert client.replace(scale, "web").spec.replicas == 2
    client.delete(Deployment, "web", cascade=CascadeType.FOREGROUND)
    eventually(lambda: not list(client.list(Pod, labels={"a": "b"})), timeout=60)


def test_custom_resources(client: Client, namespace: str) -> None:
    group = f"{namespace}.example.com"
    definitions = create_global_resource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"
    )
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 5}}}},
    }
    names = {"kind": "Toy", "plural": "toys"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    client.create(definitions(metadata=ObjectMeta(name=f"toys.{group}"), spec=spec))
    client.wait(definitions, f"toys.{group}", for_conditions=["Established"])
    toys = create_namespaced_resource(group, "v1", "Toy", "toys")
    assert client.create(toys(metadata=ObjectMeta(name="t"), spec={"size": 3, "rest": 1})).spec == {"size": 3}
    with pytest.raises(ApiError) as refused:
        client.create(toys(metadata=ObjectMeta(name="u"), spec={"size": 6}))
    assert refused.value.status.reason == "Invalid"
    client.delete(definitions, f"toys.{group}")
    eventually(lambda: _is_gone(client, toys))


def _is_gone(client: Client, resource: type) -> bool:
    try:
        list(client.list(resource))
    except ApiError as e:
        return e.status.code == 404
    return False
