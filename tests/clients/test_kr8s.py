"""kr8s: objects that know their cluster, as its synchronous interface has them."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import kr8s
import pytest
from kr8s.objects import ConfigMap, Deployment, Pod

from tests.support.waiting import eventually


@pytest.fixture
def api(kubeconfig: Path, namespace: str) -> Any:
    return kr8s.api(kubeconfig=str(kubeconfig), namespace=namespace)


def cm(name: str, namespace: str, api: Any, **data: str) -> ConfigMap:
    return ConfigMap({"metadata": {"name": name, "namespace": namespace, "labels": {"n": name}}, "data": data}, api=api)


def test_create_read_patch_delete(api: Any, namespace: str) -> None:
    made = cm("a", namespace, api, x="1")
    made.create()
    assert made.exists() and made.metadata.uid
    made.patch({"data": {"y": "2"}})
    made.refresh()
    assert dict(made.data) == {"x": "1", "y": "2"}
    made.label(tier="front")
    made.annotate(note="hello")
    found = list(api.get("configmaps", namespace=namespace, label_selector={"tier": "front"}))
    assert [f.name for f in found] == ["a"] and found[0].annotations["note"] == "hello"
    made.delete()
    assert not made.exists()
    with pytest.raises(kr8s.NotFoundError):
        ConfigMap.get("a", namespace=namespace, api=api)


def test_watch(api: Any, namespace: str) -> None:
    made = cm("w", namespace, api)
    made.create()
    for event, obj in api.watch("configmaps", namespace=namespace, label_selector={"n": "w"}):
        assert (event, obj.name) == ("ADDED", "w")
        break


def test_pods(api: Any, namespace: str) -> None:
    command = ["sh", "-c", "echo started; sleep 300"]
    spec = {"containers": [{"name": "main", "image": "busybox:1.36", "command": command}]}
    pod = Pod({"metadata": {"name": "box", "namespace": namespace}, "spec": spec}, api=api)
    pod.create()
    pod.wait("condition=Ready", timeout=60)
    eventually(lambda: list(pod.logs()) == ["started"])
    done = pod.exec(["sh", "-c", "echo out; echo err >&2"])
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 0)
    pod.delete(grace_period=0)


def fetched(url: str) -> bytes:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            return bytes(answer.read())
    except OSError:
        return b""  # it is Running before it listens


def test_port_forward(api: Any, namespace: str) -> None:
    spec = {"containers": [{"name": "w", "image": "nginx:1.27"}]}
    pod = Pod({"metadata": {"name": "web", "namespace": namespace}, "spec": spec}, api=api)
    pod.create()
    pod.wait("condition=Ready", timeout=60)
    with pod.portforward(80) as port:
        eventually(lambda: b"nginx" in fetched(f"http://127.0.0.1:{port}/"), timeout=30, step=0.2)
    pod.delete(grace_period=0)


def test_deployments(api: Any, namespace: str) -> None:
    pod = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "w", "image": "nginx:1.27"}], "terminationGracePeriodSeconds": 1},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pod}
    web = Deployment({"metadata": {"name": "web", "namespace": namespace}, "spec": spec}, api=api)
    web.create()
    web.wait("condition=Available", timeout=60)
    web.scale(2)
    eventually(lambda: len(list(web.pods())) == 2, timeout=60)
    web.delete(propagation_policy="Foreground")
    eventually(lambda: not web.exists(), timeout=60)


def test_what_there_is(api: Any) -> None:
    assert api.version()["major"] == "1"
    kinds = {r["kind"] for r in api.api_resources()}
    assert {"Pod", "Deployment", "Role"} <= kinds
    assert api.whoami() == "kubernetes-admin"
