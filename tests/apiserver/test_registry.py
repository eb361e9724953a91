"""The generic verbs, on ConfigMaps."""

from itertools import islice

import pytest

from minikctl.api.errors import ApiError
from minikctl.client import DeleteOptions, WriteOptions
from tests.support.cluster import TestCluster

CM = {"metadata": {"name": "settings"}, "data": {"color": "blue"}}


def test_create_fills_in_what_the_server_decides(cluster: TestCluster) -> None:
    made = cluster.client.create("configmaps", CM, "default")
    assert made["apiVersion"] == "v1" and made["kind"] == "ConfigMap"
    meta = made["metadata"]
    assert meta["namespace"] == "default" and len(meta["uid"]) == 36 and meta["creationTimestamp"].endswith("Z")
    assert cluster.client.get("cm", "settings", "default") == made


def test_names_are_generated(cluster: TestCluster) -> None:
    names = {
        cluster.client.create("cm", {"metadata": {"generateName": "job-"}}, "default")["metadata"]["name"]
        for _ in range(20)
    }
    assert len(names) == 20 and all(n.startswith("job-") and len(n) == 9 for n in names)


@pytest.mark.parametrize(
    ("obj", "namespace", "reason", "text"),
    [
        ({"metadata": {"name": "Bad_Name"}}, "default", "Invalid", "metadata.name: Invalid value"),
        ({"metadata": {}}, "default", "Invalid", "metadata.name: Required value: name or generateName is required"),
        (CM, "nowhere", "NotFound", 'namespaces "nowhere" not found'),
        (
            {**CM, "data": {"a": True}},
            "default",
            "BadRequest",
            "cannot unmarshal bool into Go struct field ConfigMap.data",
        ),
        (
            {**CM, "metadata": {"name": "x", "namespace": "other"}},
            "default",
            "BadRequest",
            "does not match the namespace",
        ),
        (
            {**CM, "metadata": {"name": "x", "resourceVersion": "3"}},
            "default",
            "BadRequest",
            "resourceVersion should not",
        ),
        ({**CM, "kind": "Secret"}, "default", "BadRequest", "cannot be handled as a ConfigMap"),
    ],
)
def test_refusals(cluster: TestCluster, obj: dict, namespace: str, reason: str, text: str) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create("cm", obj, namespace)
    assert e.value.reason == reason and text in e.value.message


def test_unknown_fields_are_warned_about_or_refused(cluster: TestCluster) -> None:
    warnings: list[str] = []
    cluster.client.on_warning(warnings.append)
    cluster.client.create("cm", {**CM, "dta": {}}, "default")
    assert warnings == ['unknown field "dta"']
    with pytest.raises(ApiError, match='strict decoding error: unknown field "dta"'):
        cluster.client.create(
            "cm", {"metadata": {"name": "b"}, "dta": {}}, "default", options=WriteOptions(field_validation="Strict")
        )


def test_update_of_an_old_version_conflicts(cluster: TestCluster) -> None:
    first = cluster.client.create("cm", CM, "default")
    second = cluster.client.update("cm", {**first, "data": {"color": "red"}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(ApiError, match="the object has been modified"):
        cluster.client.update("cm", {**first, "data": {"color": "green"}})


def test_update_without_a_change_writes_nothing(cluster: TestCluster) -> None:
    made = cluster.client.create("cm", CM, "default")
    before = cluster.store.current_rv()
    assert cluster.client.update("cm", made) == made
    assert cluster.store.current_rv() == before


def test_dry_run_writes_nothing(cluster: TestCluster) -> None:
    before = cluster.store.current_rv()
    cluster.client.create("cm", CM, "default", options=WriteOptions(dry_run=True))
    assert cluster.store.current_rv() == before


def test_finalizers_hold_an_object_back(cluster: TestCluster) -> None:
    held = {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}}
    cluster.client.create("cm", held, "default")
    left = cluster.client.delete("cm", "held", "default")
    assert left["metadata"]["deletionTimestamp"]
    cluster.client.patch("cm", "held", {"metadata": {"finalizers": None}}, "default")
    with pytest.raises(ApiError, match="not found"):
        cluster.client.get("cm", "held", "default")


def test_delete_preconditions(cluster: TestCluster) -> None:
    made = cluster.client.create("cm", CM, "default")
    with pytest.raises(ApiError, match="Precondition failed: UID"):
        cluster.client.delete("cm", "settings", "default", options=DeleteOptions(uid="other"))
    gone = cluster.client.delete("cm", "settings", "default", options=DeleteOptions(uid=made["metadata"]["uid"]))
    assert gone["status"] == "Success"


def test_list_and_watch_by_selector(cluster: TestCluster) -> None:
    for name, tier in (("a", "front"), ("b", "back")):
        cluster.client.create("cm", {"metadata": {"name": name, "labels": {"tier": tier}}}, "default")
    listing = cluster.client.list("cm", "default", label_selector="tier=front")
    assert [o["metadata"]["name"] for o in listing["items"]] == ["a"]
    rv = listing["metadata"]["resourceVersion"]
    cluster.client.patch("cm", "b", {"metadata": {"labels": {"tier": "front"}}}, "default")
    cluster.client.patch("cm", "a", {"metadata": {"labels": {"tier": "back"}}}, "default")
    cluster.client.delete("cm", "b", "default")
    watch = cluster.client.watch("cm", "default", resource_version=rv, label_selector="tier=front", timeout=5)
    seen = [(e.type, e.object["metadata"]["name"]) for e in islice(watch, 3)]
    assert seen == [("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]
