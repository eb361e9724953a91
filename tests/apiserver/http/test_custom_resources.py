"""Custom resources over HTTP: discovery, documents, watches; and the real kubectl on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minikctl.api.meta import Obj
from tests.support import reference
from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget, version
from tests.support.http import serving

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GADGETS = "/apis/tests.example.com/v1/namespaces/default/gadgets"
SIZE: Obj = {"size": {"type": "integer", "default": 1, "description": "How big."}}
FREE: Obj = {
    "type": "object",
    "description": "Takes anything.",
    "x-kubernetes-preserve-unknown-fields": True,
    "properties": {"spec": {"type": "object", "description": "Known.", "properties": SIZE}},
}
NESTED: Obj = {
    "type": "object",
    "description": "Takes anything within.",
    "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": SIZE}},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[httpx.Client, str]]:
    cluster = TestCluster(tmp_path / "state", live=True)
    with serving(cluster) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client, url
    cluster.close()


def define(client: httpx.Client, crd: Obj | None = None) -> Obj:
    made = client.post(CRDS, json=crd or definition(version(spec=SIZE), names={"shortNames": ["gg"]}))
    assert made.status_code == 201, made.text
    found: Obj = made.json()
    return found


def test_discovery_and_documents_follow(server: tuple[httpx.Client, str]) -> None:
    client, _ = server
    before = client.get("/openapi/v2").headers["etag"]
    assert client.get(GADGETS).status_code == 404
    define(client)
    assert "tests.example.com" in [g["name"] for g in client.get("/apis").json()["groups"]]
    resource = client.get("/apis/tests.example.com/v1").json()["resources"][0]
    assert (resource["name"], resource["shortNames"], resource["kind"]) == ("gadgets", ["gg"], "Gadget")
    document = client.get("/openapi/v2", headers={"if-none-match": before})
    assert document.status_code == 200 and "com.example.tests.v1.Gadget" in document.json()["definitions"]
    index = client.get("/openapi/v3").json()["paths"]
    assert "apis/tests.example.com/v1" in index
    assert client.get("/openapi/v3/apis/tests.example.com/v1").status_code == 200


def test_objects_tables_and_watches(server: tuple[httpx.Client, str]) -> None:
    client, _ = server
    define(client)
    with client.stream("GET", GADGETS, params={"watch": "1", "timeoutSeconds": "10"}) as stream:
        lines = stream.iter_lines()
        assert client.post(GADGETS, json=gadget(spec={})).json()["spec"] == {"size": 1}
        event = json.loads(next(lines))
        assert (event["type"], event["object"]["kind"], event["object"]["spec"]) == ("ADDED", "Gadget", {"size": 1})
    listed = client.get(GADGETS).json()
    assert (listed["kind"], listed["apiVersion"]) == ("GadgetList", "tests.example.com/v1")
    assert listed["items"][0]["apiVersion"] == "tests.example.com/v1"
    table = client.get(GADGETS, headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json()
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Age"]
    strategic = {"content-type": "application/strategic-merge-patch+json"}
    refused = client.patch(f"{GADGETS}/one", content=b"{}", headers=strategic)
    assert refused.status_code == 415
    unknown = client.post(f"{GADGETS}?fieldValidation=Strict", json=gadget("two", spec={"sise": 1}))
    assert unknown.status_code == 400 and 'unknown field "spec.sise"' in unknown.json()["message"]
    warned = client.post(f"{GADGETS}?fieldValidation=Warn", json=gadget("two", spec={"sise": 1}))
    assert warned.status_code == 201 and "spec.sise" in warned.headers["warning"]


def test_a_definition_s_status_is_written_and_patched(server: tuple[httpx.Client, str]) -> None:
    client, _ = server
    name = define(client)["metadata"]["name"]
    status = f"{CRDS}/{name}/status"
    found = client.get(status).json()
    condition = {"type": "Tested", "status": "True", "message": "updated", "reason": "x", "lastTransitionTime": None}
    found["status"]["conditions"].append(condition)
    updated = client.put(status, json=found).json()
    assert "updated" in [c["message"] for c in updated["status"]["conditions"]]
    patch = [{"op": "add", "path": "/status/conditions", "value": [{"message": "patched"}]}]
    headers = {"content-type": "application/json-patch+json"}
    patched = client.patch(status, content=json.dumps(patch), headers=headers)
    assert patched.status_code == 200
    assert [c["message"] for c in patched.json()["status"]["conditions"]] == ["patched"]
    assert client.get(GADGETS).status_code == 200  # it is established again at once


def test_definitions_are_listed_and_deleted_by_label(server: tuple[httpx.Client, str]) -> None:
    client, _ = server
    for kind in ("One", "Two", "Three"):
        define(client, definition(kind=kind, metadata={"labels": {"set": "a" if kind != "Three" else "b"}}))
    listed = client.get(CRDS, params={"labelSelector": "set=a"}).json()
    assert sorted(i["spec"]["names"]["kind"] for i in listed["items"]) == ["One", "Two"]
    assert client.delete(CRDS, params={"labelSelector": "set=a"}).status_code == 200
    left = [i for i in client.get(CRDS).json()["items"] if "deletionTimestamp" not in i["metadata"]]
    assert [i["spec"]["names"]["kind"] for i in left] == ["Three"]


@pytest.mark.parametrize(
    ("schema", "body", "explained"),
    [
        (FREE, {"a": {"b": [{"c": "d"}]}}, ["KIND:       Gadget", "Takes anything."]),
        (NESTED, {"spec": {"a": None, "b": [{"c": "d"}]}}, ["Takes anything within."]),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": 1}, ["DESCRIPTION:\n    <empty>"]),
    ],
)
def test_the_real_kubectl_takes_unknown_fields(
    server: tuple[httpx.Client, str], tmp_path: Path, schema: Obj, body: Obj, explained: list[str]
) -> None:
    client, url = server
    define(client, definition(version(schema=schema)))

    def kubectl(*argv: str, given: Any = None) -> str:
        stdin = json.dumps(given) if given else ""
        done = reference.run("kubectl", "--server", url, *argv, home=tmp_path, stdin=stdin)
        assert done.code == 0, done.err
        return done.out

    for verb in ("create", "apply"):
        assert "gadget.tests.example.com/one created" in kubectl(verb, "-f", "-", given=gadget(**body))
        assert "deleted" in kubectl("delete", "gadgets", "one")
    text = kubectl("explain", "gadgets")
    assert all(part in text for part in explained)
