"""The sample API server and the etcd beside it: objects, documents, decisions."""

from __future__ import annotations

import importlib
import json
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from minikctl.runtime import images
from tests.runtime.conftest import Node, until
from tests.runtime.test_images import get, listening

FLUNDER = {"apiVersion": "wardle.example.com/v1alpha1", "kind": "Flunder"}
WHERE = ("v1alpha1", "flunders", "default")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The parts of the program, imported as it imports them."""
    folder = Path(images.__file__).parent
    for path in (folder, folder / "agnhost", folder / "sample_apiserver"):
        monkeypatch.syspath_prepend(str(path))
    return {name: importlib.import_module(name) for name in ("objects", "documents", "cluster")}


@pytest.fixture
def etcd(node: Node) -> str:
    image = "registry.k8s.io/etcd:3.6.4-0"
    address = node.pod().ip
    node.run("/usr/local/bin/etcd", "--listen-client-urls", f"http://{address}:2399", image=image)
    until(lambda: listening(address, 2399), "etcd listens")
    return address


@pytest.fixture
def objects(modules: Any, etcd: str) -> Iterator[Any]:
    yield modules["objects"].Objects(etcd, 2399, uuid4)


def call(address: str, verb: str, **asked: Any) -> Any:
    asked = {k: b64encode(v).decode() if isinstance(v, bytes) else v for k, v in asked.items()}
    request = urllib.request.Request(f"http://{address}:2399/v3/kv/{verb}", json.dumps(asked).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_etcd(etcd: str) -> None:
    assert json.loads(get(f"http://{etcd}:2399/health")[2])["health"] == "true"
    assert json.loads(get(f"http://{etcd}:2399/version")[2]) == {"etcdserver": "3.6.4", "etcdcluster": "3.6.0"}
    assert call(etcd, "put", key=b"/a/1", value=b"x")["header"]["revision"] == "2"
    call(etcd, "put", key=b"/a/2", value=b"y")
    call(etcd, "put", key=b"/a/1", value=b"z")
    found = call(etcd, "range", key=b"/a/", range_end=b"/a0")
    assert [(b64decode(k["value"]), k["create_revision"], k["mod_revision"], k["version"]) for k in found["kvs"]] == [
        (b"z", "2", "4", "2"),
        (b"y", "3", "3", "1"),
    ]
    assert call(etcd, "range", key=b"/", range_end=b"\0", limit=1)["count"] == "2"
    assert call(etcd, "deleterange", key=b"/a/1")["deleted"] == "1"
    assert "kvs" not in call(etcd, "range", key=b"/a/1")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        call(etcd, "put")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        call(etcd, "txn")


def test_objects(objects: Any, modules: Any) -> None:
    refused = modules["objects"].Refused

    def flunder(name: str, **spec: str) -> Any:
        return {**FLUNDER, "metadata": {"name": name, "labels": {"n": name}}, "spec": spec}

    made = objects.create(*WHERE, flunder("a", reference="b", referenceType="Flunder"))
    assert made["metadata"]["namespace"] == "default" and made["metadata"]["uid"]
    beta = objects.get("v1beta1", "flunders", "default", "a")
    assert beta["spec"] == {"flunderReference": "b", "referenceType": "Flunder"}
    assert beta["apiVersion"] == "wardle.example.com/v1beta1"
    changed = objects.update("v1beta1", "flunders", "default", "a", {**beta, "spec": {"fischerReference": "c"}})
    assert objects.get(*WHERE, "a")["spec"] == {"reference": "c", "referenceType": "Fischer"}
    with pytest.raises(refused, match="has been modified"):
        objects.update(*WHERE, "a", made)
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    with pytest.raises(refused, match="already exists"):
        objects.create(*WHERE, flunder("a"))
    with pytest.raises(refused, match="name is required"):
        objects.create(*WHERE, {**FLUNDER, "metadata": {}})
    with pytest.raises(refused, match="not a Flunder"):
        objects.create(*WHERE, {**FLUNDER, "kind": "Pod"})
    fischer = {**FLUNDER, "kind": "Fischer", "metadata": {"name": "f"}, "disallowedFlunders": ["bad"]}
    objects.create("v1alpha1", "fischers", "", fischer)
    with pytest.raises(refused, match="this name may not be used"):
        objects.create(*WHERE, flunder("bad"))
    objects.create(*WHERE, flunder("b"))
    assert [o["metadata"]["name"] for o in objects.list(*WHERE, "n!=a")["items"]] == ["b"]
    assert objects.merge(*WHERE, "b", {"metadata": {"labels": {"n": None, "m": "1"}}})["metadata"]["labels"] == {
        "m": "1"
    }
    objects.delete(*WHERE, "", "m")
    objects.delete(*WHERE, "a")
    assert objects.list("v1alpha1", "flunders", "")["items"] == []
    with pytest.raises(refused, match="not found"):
        objects.delete(*WHERE, "a")


def test_watching(objects: Any) -> None:
    def flunder(name: str) -> Any:
        return {**FLUNDER, "metadata": {"name": name}}

    objects.create(*WHERE, flunder("a"))
    seen = objects.follow(*WHERE, "", "", time.monotonic() + 60)
    first = next(seen)
    assert first["type"] == "ADDED"
    objects.create("v1alpha1", "flunders", "other", flunder("x"))
    objects.delete(*WHERE, "a")
    assert (next(seen))["type"] == "DELETED"
    version = first["object"]["metadata"]["resourceVersion"]
    again = objects.follow("v1beta1", "flunders", "", "", version, time.monotonic() + 60)
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in (next(again), next(again))] == [
        ("ADDED", "x"),
        ("DELETED", "a"),
    ]
    assert list(objects.follow(*WHERE, "", "", time.monotonic())) == []


def test_documents(modules: Any) -> None:
    documents = modules["documents"]
    assert documents.find("/apis", "application/json")[1]["groups"][0]["name"] == "wardle.example.com"
    media, modern = documents.find("/apis", documents.MODERN)
    assert media == documents.MODERN and modern["items"][0]["versions"][1]["resources"][0]["resource"] == "fischers"
    listed = documents.find("/apis/wardle.example.com/v1beta1", "")[1]["resources"]
    assert [r["name"] for r in listed] == ["flunders"]
    assert documents.find("/openapi/v3/apis/wardle.example.com/v1alpha1", "")[1]["components"]["schemas"]
    assert documents.find("/nothing", "")[1] is None


def test_who_may(modules: Any) -> None:
    cluster = object.__new__(modules["cluster"].Cluster)
    cluster.decisions, asked = {}, []

    def ask(method: str, path: str, body: Any) -> Any:
        asked.append(body["spec"])
        return 201, {"status": {"allowed": body["spec"]["user"] == "ann"}}

    cluster.ask = ask
    wants = {"resourceAttributes": {"group": "g", "resource": "r", "verb": "get", "namespace": "n", "name": "x"}}
    cluster.authorize(("root", ["system:masters"]), wants)
    cluster.authorize(("ann", []), wants)
    cluster.authorize(("ann", []), wants)
    assert len(asked) == 1
    words = 'r.g "x" is forbidden: User "bob" cannot get resource "r" in API group "g" in the namespace "n"'
    with pytest.raises(modules["objects"].Refused, match=words):
        cluster.authorize(("bob", []), wants)
    with pytest.raises(modules["objects"].Refused, match='User "bob" cannot get path "/apis"'):
        cluster.authorize(("bob", []), {"nonResourceAttributes": {"path": "/apis", "verb": "get"}})


def test_without_a_cluster_it_does_not_start(node: Node) -> None:
    container = node.run(image="registry.k8s.io/e2e-test-images/sample-apiserver:1.29.2")
    assert node.ended(container).exit_code == 1
    assert "unable to load configmap based request-header-client-ca-file" in node.log(container)[-1]
