"""Server-side apply and managedFields through the API."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import WriteOptions
from tests.support.cluster import TestCluster


def apply(cluster: TestCluster, obj: Obj, who: str, *, force: bool = False, dry_run: bool = False) -> Obj:
    options = WriteOptions(field_manager=who, force=force, dry_run=dry_run)
    body = {"apiVersion": "v1", "kind": "ConfigMap", **obj}
    return cluster.client.patch("cm", "settings", body, "default", patch_type="apply", options=options)


def settings(**data: str) -> Obj:
    return {"metadata": {"name": "settings"}, "data": data}


def managers(obj: Obj) -> list[tuple[str, str]]:
    return [(m["manager"], m["operation"]) for m in obj["metadata"]["managedFields"]]


def test_apply_creates_merges_and_prunes(cluster: TestCluster) -> None:
    first = apply(cluster, settings(a="1", b="2"), "me")
    assert first["data"] == {"a": "1", "b": "2"} and managers(first) == [("me", "Apply")]
    both = apply(cluster, settings(c="3"), "you")
    assert both["data"] == {"a": "1", "b": "2", "c": "3"}
    less = apply(cluster, settings(a="1"), "me")
    assert less["data"] == {"a": "1", "c": "3"}


def test_applying_the_same_again_writes_nothing(cluster: TestCluster) -> None:
    first = apply(cluster, settings(a="1"), "me")
    before = cluster.store.current_rv()
    assert apply(cluster, settings(a="1"), "me") == first
    assert cluster.store.current_rv() == before


def test_conflicts_and_force(cluster: TestCluster) -> None:
    apply(cluster, settings(a="1"), "me")
    cluster.client.patch("cm", "settings", {"data": {"a": "9"}}, "default", options=WriteOptions(field_manager="hand"))
    with pytest.raises(ApiError) as e:
        apply(cluster, settings(a="2"), "me")
    assert e.value.reason == "Conflict"
    assert e.value.message == 'Apply failed with 1 conflict: conflict with "hand" using v1: .data.a'
    assert apply(cluster, settings(a="2"), "me", force=True)["data"] == {"a": "2"}


def test_dry_run_applies_nothing(cluster: TestCluster) -> None:
    apply(cluster, settings(a="1"), "me", dry_run=True)
    with pytest.raises(ApiError, match="not found"):
        cluster.client.get("cm", "settings", "default")


@pytest.mark.parametrize(
    ("change", "who", "text"),
    [
        ({}, "", "fieldManager: Required value: is required for apply patch"),
        ({"metadata": {"name": "settings", "managedFields": [{}]}}, "me", "metadata.managedFields must be nil"),
        ({"metadata": {"name": "other"}}, "me", "does not match the name on the URL"),
        ({"data": {"a": 1}}, "me", "cannot unmarshal number"),
    ],
)
def test_refusals(cluster: TestCluster, change: Obj, who: str, text: str) -> None:
    with pytest.raises(ApiError) as e:
        apply(cluster, {**settings(a="1"), **change}, who)
    assert text in e.value.message


def test_every_writer_is_noted(cluster: TestCluster) -> None:
    by = lambda name: WriteOptions(field_manager=name)  # noqa: E731
    made = cluster.client.create("cm", settings(a="1"), "default", options=by("kubectl-create"))
    assert managers(made) == [("kubectl-create", "Update")]
    changed = cluster.client.for_actor("kubelet/node-1").patch("cm", "settings", {"data": {"b": "2"}}, "default")
    assert managers(changed) == [("kubectl-create", "Update"), ("kubelet", "Update")]
    reset = {**changed, "metadata": {**changed["metadata"], "managedFields": [{}]}}
    assert "managedFields" not in cluster.client.update("cm", reset)["metadata"]


def test_commands_without_a_name_of_their_own_are_kubectl(cluster: TestCluster) -> None:
    client = cluster.client.for_actor("kubectl-scale")
    assert managers(client.create("cm", settings(a="1"), "default")) == [("kubectl", "Update")]
