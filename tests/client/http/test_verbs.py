"""The `Client` protocol over HTTP, against the in-process client on the same cluster."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import DeleteOptions, WriteOptions, reacting_to
from minikctl.client.http import Endpoint, HttpClient
from minikctl.util.errors import UsageError
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually


def cm(name: str, **data: str) -> Obj:
    return {"metadata": {"name": name}, "data": data}


def test_the_life_of_an_object(live: TestCluster, client: HttpClient) -> None:
    made = client.create("cm", cm("a", x="1"), "default")
    assert made == live.client.get("cm", "a", "default") == client.get("cm", "a", "default")
    changed = client.update("cm", {**made, "data": {"x": "2"}})
    assert changed["data"] == {"x": "2"}
    with pytest.raises(ApiError) as conflict:
        client.update("cm", made)
    assert conflict.value.reason == "Conflict"
    for kind, patch in (
        ("merge", {"data": {"y": "1"}}),
        ("strategic", '{"data":{"z":"1"}}'),
        ("json", [{"op": "remove", "path": "/data/x"}]),
    ):
        client.patch("cm", "a", patch, "default", patch_type=kind)
    assert client.get("cm", "a", "default")["data"] == {"y": "1", "z": "1"}
    gone = client.delete(
        "cm", "a", "default", options=DeleteOptions(propagation="Background", uid=made["metadata"]["uid"])
    )
    assert gone["status"] == "Success"
    with pytest.raises(ApiError, match='configmaps "a" not found'):
        client.get("cm", "a", "default")


def test_options_of_writes(live: TestCluster, client: HttpClient) -> None:
    client.create("cm", cm("dry"), "default", options=WriteOptions(dry_run=True))
    assert live.client.list("cm", "default")["items"] == []
    applied = {"apiVersion": "v1", "kind": "ConfigMap", **cm("s", x="1")}
    client.patch("cm", "s", applied, "default", patch_type="apply", options=WriteOptions(field_manager="one"))
    other = {**applied, "data": {"x": "2"}}
    with pytest.raises(ApiError) as conflict:
        client.patch("cm", "s", other, "default", patch_type="apply", options=WriteOptions(field_manager="two"))
    assert conflict.value.details["causes"][0]["field"] == ".data.x"
    forced = WriteOptions(field_manager="two", force=True)
    assert client.patch("cm", "s", other, "default", patch_type="apply", options=forced)["data"] == {"x": "2"}
    with pytest.raises(ApiError, match="unknown field"):
        client.create("cm", {**cm("f"), "dta": {}}, "default", options=WriteOptions(field_validation="Strict"))


def test_writers_have_the_names_they_have_on_the_files(live: TestCluster, client: HttpClient) -> None:
    with reacting_to("7"):
        client.create("cm", cm("a"), "default")
    client.for_actor("replicaset-controller").create("cm", cm("b"), "default")
    client.create("cm", cm("c", x="1"), "default", options=WriteOptions(field_manager="kubectl-create"))
    managers = {
        o["metadata"]["name"]: [m["manager"] for m in o["metadata"].get("managedFields", [])]
        for o in live.client.list("cm", "default")["items"]
    }
    assert managers["c"] == ["kubectl-create"]
    changes = {c["object"]["metadata"]["name"]: c for c in live.client.history("cm", "a", "default")}
    assert changes["a"]["because"] in (7, "7")


def test_warnings_come_once(client: HttpClient) -> None:
    heard: list[str] = []
    client.on_warning(heard.append)
    for name in "ab":
        client.create("cm", {**cm(name), "dta": 1}, "default", options=WriteOptions(field_validation="Warn"))
    assert heard == ['unknown field "dta"']


def test_lists_are_read_in_parts(live: TestCluster, url: str) -> None:
    for i in range(7):
        live.client.create("cm", cm(f"c{i}"), "default")
    client = HttpClient(Endpoint(url), chunk_size=3)
    found = client.list("cm", "default")
    assert found == live.client.list("cm", "default") | {"metadata": found["metadata"]}
    assert "continue" not in found["metadata"]
    assert len(client.table("cm", "default")["rows"]) == 7
    part = client.list("cm", "default", limit=2)
    rest = client.list("cm", "default", limit=10, continue_token=part["metadata"]["continue"])
    assert [o["metadata"]["name"] for o in part["items"] + rest["items"]] == [f"c{i}" for i in range(7)]


def test_selectors_and_tables(live: TestCluster, client: HttpClient) -> None:
    live.client.create("cm", {"metadata": {"name": "a", "labels": {"k": "v"}}}, "default")
    live.client.create("cm", cm("b"), "default")
    assert [o["metadata"]["name"] for o in client.list("cm", "default", label_selector="k=v")["items"]] == ["a"]
    assert [o["metadata"]["name"] for o in client.list("cm", field_selector="metadata.name=b")["items"]] == ["b"]
    for include in ("None", "Metadata", "Object"):
        table, wanted = (
            client.table("cm", "default", include=include),
            live.client.table("cm", "default", include=include),
        )
        assert [r.get("object") for r in table["rows"]] == [r.get("object") for r in wanted["rows"]]
        assert table["columnDefinitions"] == wanted["columnDefinitions"]
    assert client.table("cm", "default", name="a")["rows"][0]["cells"][0] == "a"


def test_watches(live: TestCluster, client: HttpClient) -> None:
    version = client.list("cm", "default")["metadata"]["resourceVersion"]
    live.client.create("cm", cm("a"), "default")
    live.client.delete("cm", "a", "default")
    events = client.watch("cm", "default", resource_version=version, timeout=20)
    assert [(e.type, e.object["metadata"]["name"]) for e in islice(events, 2)] == [("ADDED", "a"), ("DELETED", "a")]
    live.client.create("cm", cm("b"), "default")
    live.client.create("cm", cm("c"), "default")
    tables = [e.object for e in islice(client.watch("cm", "default", timeout=20, include="Metadata"), 2)]
    assert [t["rows"][0]["cells"][0] for t in tables] == ["b", "c"]
    assert tables[0]["columnDefinitions"] == tables[1]["columnDefinitions"] != None  # noqa: E711
    assert (
        list(client.watch("cm", "default", resource_version=version, field_selector="metadata.name=no", timeout=0.2))
        == []
    )


def test_a_watch_of_a_version_to_come_is_refused(client: HttpClient) -> None:
    with pytest.raises(ApiError) as refused:
        list(client.watch("cm", "default", resource_version="999999999", timeout=1))
    assert refused.value.code == 504


class Mirror:
    """What a reflector told."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.synced = threading.Event()

    def replace(self, objects: list[Obj]) -> None:
        self.names = {o["metadata"]["name"] for o in objects}
        self.synced.set()

    def apply(self, event_type: str, obj: Obj) -> None:
        (self.names.discard if event_type == "DELETED" else self.names.add)(obj["metadata"]["name"])


def test_reflectors_follow(live: TestCluster, client: HttpClient) -> None:
    live.client.create("cm", cm("a"), "default")
    mirror = Mirror()
    stop = client.reflect("cm", mirror, "default")
    assert mirror.synced.wait(20)
    live.client.create("cm", cm("b"), "default")
    eventually(lambda: mirror.names == {"a", "b"})
    live.client.delete("cm", "a", "default")
    eventually(lambda: mirror.names == {"b"})
    stop()
    eventually(lambda: not any(t.name.startswith("reflector configmaps") for t in threading.enumerate()))


def test_kinds(client: HttpClient) -> None:
    for word in ("po", "pods", "Pod", "deployments.apps", "deployments.v1.apps", "cj.batch"):
        assert client.kind(word) is not None, word
    assert client.kind("nope") is None
    found = client.kind_of("apps/v1", "Deployment")
    assert found is not None and found.resource == "deployments.apps" and found.type
    assert {"pods", "deployments.apps"} <= {k.resource for k in client.kinds()}


def test_the_rest(client: HttpClient) -> None:
    assert client.raw("/healthz") == b"ok"
    assert client.version()["major"] == "1"
    with pytest.raises(ApiError) as missing:
        client.raw("/nope")
    assert missing.value.code == 404
    with pytest.raises(UsageError, match="history"):
        client.history("cm", "a")


def test_many_threads_share_a_client(live: TestCluster, client: HttpClient) -> None:
    names = [f"t{i}" for i in range(24)]
    threads = [threading.Thread(target=lambda n=n: client.create("cm", cm(n), "default")) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(live.client.list("cm", "default")["items"]) == len(names)
