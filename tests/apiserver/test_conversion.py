"""Custom resources that a webhook converts between versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client.protocol import WriteOptions
from tests.support import http, webhook
from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget, version

CRDS = "customresourcedefinitions"
V1 = {"host": {"type": "string"}, "port": {"type": "string"}}
V2 = {"address": {"type": "string"}, "mode": {"type": "string", "default": "slow"}}


def converted(obj: Obj, wanted: str) -> Obj:
    """v1 has host and port, v2 one address."""
    spec = dict(obj.get("spec") or {})
    if wanted.endswith("/v2"):
        spec = {"address": f"{spec.pop('host', '')}:{spec.pop('port', '')}", **spec}
    else:
        host, _, port = spec.pop("address", ":").partition(":")
        spec = {"host": host, "port": port}
    return {**obj, "apiVersion": wanted, "spec": spec}


def convert(request: Obj) -> Obj:
    objects = [converted(o, request["desiredAPIVersion"]) for o in request["objects"]]
    return {"result": {"status": "Success"}, "convertedObjects": objects}


def changed(**parts: Any) -> webhook.Answer:
    """Converts and then spoils every object."""

    def answer(request: Obj) -> Obj:
        response = convert(request)
        response["convertedObjects"] = [{**o, **parts} for o in response["convertedObjects"]]
        return response

    return answer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[webhook.WebhookServer]:
    answers: dict[str, webhook.Answer] = {
        "convert": convert,
        "fails": lambda _r: {"result": {"status": "Failure", "message": "not today"}},
        "few": lambda _r: {"result": {"status": "Success"}, "convertedObjects": []},
        "same": lambda r: {"result": {"status": "Success"}, "convertedObjects": r["objects"]},
        "renamed": changed(metadata={"name": "other", "namespace": "default"}),
        "headless": changed(metadata=None),
        "relabeled": lambda r: {
            "result": {"status": "Success"},
            "convertedObjects": [
                {**o, "metadata": {**o["metadata"], "labels": {"seen": "yes"}, "finalizers": ["x.io/y"]}}
                for o in convert(r)["convertedObjects"]
            ],
        },
    }
    with webhook.serving(tmp_path, **answers) as made:
        yield made


def define(cluster: TestCluster, server: webhook.WebhookServer, path: str = "/convert") -> None:
    conversion = {
        "strategy": "Webhook",
        "webhook": {"clientConfig": server.config(path), "conversionReviewVersions": ["v1"]},
    }
    versions = version("v1", spec=V1, storage=False), version("v2", spec=V2)
    cluster.client.create(CRDS, definition(*versions, conversion=conversion))


def old(name: str = "one", **spec: str) -> Obj:
    return gadget(name, "v1", spec=spec or {"host": "a", "port": "80"})


def test_an_object_in_both_versions(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    define(cluster, server)
    client = cluster.client
    made = client.create("gadgets.v1.tests.example.com", old(), "default")
    assert (made["apiVersion"], made["spec"]) == ("tests.example.com/v1", {"host": "a", "port": "80"})
    stored = cluster.store.get("tests.example.com/gadgets/default/one")
    assert stored is not None and stored["apiVersion"] == "tests.example.com/v2"
    assert stored["spec"] == {"address": "a:80", "mode": "slow"}
    asked = len(server.seen)
    assert client.get("gadgets.v2.tests.example.com", "one", "default")["spec"]["address"] == "a:80"
    assert len(server.seen) == asked  # it is stored so
    client.patch("gadgets.v1.tests.example.com", "one", {"spec": {"port": "81"}}, "default")
    assert client.get("gadgets.v2.tests.example.com", "one", "default")["spec"] == {"address": "a:81", "mode": "slow"}
    review = server.seen[0]
    assert (review["apiVersion"], review["kind"]) == ("apiextensions.k8s.io/v1", "ConversionReview")
    assert server.paths[0] == "/convert?timeout=30s"


def test_a_list_is_one_request(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    define(cluster, server)
    client = cluster.client
    client.create("gadgets.v1.tests.example.com", old("one"), "default")
    client.create("gadgets.v2.tests.example.com", gadget("two", "v2", spec={"address": "b:1"}), "default")
    asked = len(server.seen)
    listed = client.list("gadgets.v1.tests.example.com", "default")
    assert [o["spec"] for o in listed["items"]] == [{"host": "a", "port": "80"}, {"host": "b", "port": "1"}]
    assert len(server.seen) == asked + 1 and len(server.seen[-1]["request"]["objects"]) == 2
    assert len(client.list("gadgets", "default")["items"]) == 2 and len(server.seen) == asked + 1


def test_objects_in_a_version_that_was_stored_before(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    cluster.client.create(CRDS, definition(version("v1", spec=V1), version("v2", spec=V2, storage=False)))
    cluster.client.create("gadgets.v1.tests.example.com", old("one"), "default")
    conversion = {
        "strategy": "Webhook",
        "webhook": {"clientConfig": server.config("/convert"), "conversionReviewVersions": ["v1"]},
    }
    spec = {"conversion": conversion, "versions": [version("v1", spec=V1, storage=False), version("v2", spec=V2)]}
    cluster.client.patch(CRDS, "gadgets.tests.example.com", {"spec": spec})
    cluster.client.create("gadgets.v2.tests.example.com", gadget("two", "v2", spec={"address": "b:1"}), "default")
    specs = [o["spec"]["address"] for o in cluster.client.list("gadgets", "default")["items"]]
    assert specs == ["a:80", "b:1"]
    assert len(server.seen[-1]["request"]["objects"]) == 1


WRONG = [
    ("/fails", "failed: not today"),
    ("/few", "returned 0 objects, expected 1"),
    (
        "/same",
        "returned invalid converted object at index 0: invalid groupVersion "
        "(expected tests.example.com/v2, received tests.example.com/v1)",
    ),
    ("/renamed", "returned invalid converted object at index 0: must have the same name: one != other"),
    ("/headless", "returned invalid metadata in object at index 0: missing metadata in converted object"),
]


@pytest.mark.parametrize(("path", "text"), WRONG)
def test_answers_that_are_wrong(cluster: TestCluster, server: webhook.WebhookServer, path: str, text: str) -> None:
    define(cluster, server, path)
    with pytest.raises(ApiError) as e:
        cluster.client.create("gadgets.v1.tests.example.com", old(), "default")
    assert e.value.message == f"conversion webhook for tests.example.com/v1, Kind=Gadget {text}"
    assert e.value.code == 500


def test_a_webhook_that_is_not_there(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    server.port = 1
    define(cluster, server)
    with pytest.raises(
        ApiError, match=r'Kind=Gadget failed: Post "https://127.0.0.1:1/convert\?timeout=30s": dial tcp'
    ):
        cluster.client.create("gadgets.v1.tests.example.com", old(), "default")


def test_labels_may_change_other_metadata_not(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    define(cluster, server, "/relabeled")
    cluster.client.create("gadgets.v1.tests.example.com", old(), "default")
    metadata = cluster.client.get("gadgets.v2.tests.example.com", "one", "default")["metadata"]
    assert metadata["labels"] == {"seen": "yes"} and "finalizers" not in metadata


def test_an_object_must_be_valid_in_the_version_that_is_sent(
    cluster: TestCluster, server: webhook.WebhookServer
) -> None:
    define(cluster, server)
    with pytest.raises(ApiError, match=r"spec\.port in body must be of type string"):
        cluster.client.create("gadgets.v1.tests.example.com", gadget("x", "v1", spec={"port": 80}), "default")
    strict = WriteOptions(field_validation="Strict")
    with pytest.raises(ApiError, match=r'unknown field "spec\.nope"'):
        cluster.client.create(
            "gadgets.v1.tests.example.com", gadget("x", "v1", spec={"nope": 1}), "default", options=strict
        )
    cluster.client.create("gadgets.v1.tests.example.com", old(), "default", options=strict)


def test_over_http_lists_and_watches_are_converted(tmp_path: Path, server: webhook.WebhookServer) -> None:
    cluster = TestCluster(tmp_path / "state", live=True)
    define(cluster, server)
    with http.serving(cluster) as url, httpx.Client(base_url=url, timeout=20) as client:
        path = "/apis/tests.example.com/{}/namespaces/default/gadgets"
        assert client.post(path.format("v2"), json=gadget("two", "v2", spec={"address": "b:1"})).status_code == 201
        assert client.get(path.format("v1")).json()["items"][0]["spec"] == {"host": "b", "port": "1"}
        assert client.get(path.format("v1") + "/two").json()["apiVersion"] == "tests.example.com/v1"
        query = {"watch": "1", "timeoutSeconds": "5"}
        with client.stream("GET", path.format("v1"), params=query) as stream:
            lines = stream.iter_lines()
            first = json.loads(next(lines))
            assert (first["type"], first["object"]["spec"]["host"]) == ("ADDED", "b")
            client.patch(
                path.format("v2") + "/two",
                content=b'{"spec":{"address":"c:2"}}',
                headers={"content-type": "application/merge-patch+json"},
            )
            second = json.loads(next(lines))
            assert (second["type"], second["object"]["spec"]) == ("MODIFIED", {"host": "c", "port": "2"})
    cluster.close()


def test_apply_merges_in_the_version_of_the_request(cluster: TestCluster, server: webhook.WebhookServer) -> None:
    define(cluster, server)
    kind = "gadgets.v1.tests.example.com"

    def apply(manager: str, **spec: str) -> Obj:
        options = WriteOptions(field_manager=manager)
        return cluster.client.patch(kind, "one", old(**spec), "default", patch_type="apply", options=options)

    assert apply("one", host="a")["spec"] == {"host": "a", "port": ""}
    made = apply("two", port="81")
    assert (made["apiVersion"], made["spec"]) == ("tests.example.com/v1", {"host": "a", "port": "81"})
    stored = cluster.store.get("tests.example.com/gadgets/default/one")
    assert stored is not None and stored["apiVersion"] == "tests.example.com/v2"
    assert stored["spec"]["address"] == "a:81"
    entries = {m["manager"]: m for m in stored["metadata"]["managedFields"]}
    assert entries["two"]["apiVersion"] == "tests.example.com/v1" and "f:port" in entries["two"]["fieldsV1"]["f:spec"]


def test_apply_of_a_built_in_version_that_is_not_stored(cluster: TestCluster) -> None:
    scaler: Obj = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 5,
            "targetCPUUtilizationPercentage": 70,
        },
    }
    kind = cluster.client.kind_of("autoscaling/v1", "HorizontalPodAutoscaler")
    assert kind is not None
    for most in (5, 6):
        scaler["spec"]["maxReplicas"] = most
        options = WriteOptions(field_manager="me")
        made = cluster.client.patch(kind, "web", scaler, "default", patch_type="apply", options=options)
        assert (made["apiVersion"], made["spec"]["maxReplicas"]) == ("autoscaling/v1", most)
        shown = cluster.client.get("hpa", "web", "default")
        assert (shown["apiVersion"], shown["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]) == (
            "autoscaling/v2",
            70,
        )
