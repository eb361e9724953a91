"""`cluster export`: what comes out goes into another cluster, and comes out of that the same."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.api import kinds
from minikctl.api.meta import Obj
from minikctl.api.portable import is_somebodys, portable
from minikctl.cli import run
from minikctl.client import state_dir
from minikctl.client.local import LocalClient
from minikctl.controllers.metrics_registration import READERS
from minikctl.kubectl.command import Environment
from tests.support.cluster import Result, TestCluster
from tests.support.populated import OBJECTS, populate


def export(folder: Path, *argv: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    environ = {"MINIKCTL_STATE": str(folder / "state")}
    code = run(["cluster", "export", *argv], Environment(stdout=out, stderr=err, environ=environ, cwd=folder))
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    state_dir.ensure(folder / "state")
    populate(folder / "state")
    return folder


def documents(result: Result) -> list[Obj]:
    assert result.code == 0, result.err
    return [d for d in yaml.safe_load_all(result.out) if d]


def test_another_cluster_takes_it_all(full: Path, tmp_path: Path) -> None:
    first = export(full)
    state_dir.ensure(tmp_path / "state")
    other = TestCluster(tmp_path / "state")
    applied = other.cli("apply", "-f", "-", stdin=first.out)
    assert (applied.code, applied.err) == (0, "")
    other.close()
    assert export(tmp_path).out == first.out


def test_it_holds_what_people_made(full: Path) -> None:
    found = {(d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"]) for d in documents(export(full))}
    wanted = set()
    for word, namespace, obj in OBJECTS:
        kind = kinds.find(word)
        assert kind is not None
        if kind.kind not in ("Lease",) and (kind.kind, obj["metadata"]["name"]) != ("ServiceAccount", "default"):
            wanted.add((kind.kind, namespace, obj["metadata"]["name"]))
    assert found == wanted


def test_nothing_of_this_cluster_is_in_it(full: Path) -> None:
    def walk(value: Any, path: str = "") -> None:
        if isinstance(value, dict):
            forbidden = {
                "uid",
                "resourceVersion",
                "managedFields",
                "nodeName",
                "status",
                "nodePort",
                "generation",
            } & set(value)
            assert not forbidden, (path, forbidden)
            for key, inner in value.items():
                walk(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for inner in value:
                walk(inner, path)

    for document in documents(export(full)):
        walk(document, document["kind"])


def test_one_namespace(full: Path) -> None:
    found = documents(export(full, "-n", "team"))
    assert found[0]["kind"] == "Namespace" and found[0]["metadata"]["name"] == "team"
    assert {d["metadata"].get("namespace") for d in found[1:]} == {"team"}
    as_list = json.loads(export(full, "-n", "team", "-o", "json").out)
    assert as_list["kind"] == "List" and [i["kind"] for i in as_list["items"]] == [d["kind"] for d in found]


def test_what_cannot_be(full: Path, tmp_path: Path) -> None:
    assert export(full, "-n", "nope").err == 'Error from server (NotFound): namespaces "nope" not found\n'
    assert "unknown output format 'x'" in export(full, "-o", "x").err
    assert export(tmp_path).err == f"error: there is no cluster in {tmp_path / 'state'}\n"


def test_custom_resources_come_after_their_definition(tmp_path: Path) -> None:
    state_dir.ensure(tmp_path / "state")
    cluster = TestCluster(tmp_path / "state")
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Toy", "plural": "toys"},
        "versions": [version],
    }
    cluster.client.create("customresourcedefinitions", {"metadata": {"name": "toys.example.com"}, "spec": spec})
    found = LocalClient.on_files(tmp_path / "state", actor="test")
    if found.kind("toys.example.com") is not None:
        found.create("toys.example.com", {"metadata": {"name": "t"}, "spec": {"size": 1}}, "default")
        exported = documents(export(tmp_path))
        assert [d["kind"] for d in exported] == ["CustomResourceDefinition", "Toy"]
        assert exported[1] == {
            "apiVersion": "example.com/v1",
            "kind": "Toy",
            "metadata": {"name": "t", "namespace": "default"},
            "spec": {"size": 1},
        }
    cluster.close()


def kind(word: str) -> Any:
    return kinds.find(word)


OWNED = {"metadata": {"name": "x", "ownerReferences": [{"controller": True, "uid": "1"}]}}


@pytest.mark.parametrize(
    ("word", "obj", "wanted"),
    [
        ("pods", {"metadata": {"name": "x"}}, True),
        ("pods", OWNED, False),
        ("pods", {"metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, False),
        ("cm", {"metadata": {"name": "x", "namespace": "kube-system"}}, False),
        ("cm", {"metadata": {"name": "kube-root-ca.crt", "namespace": "a"}}, False),
        ("sa", {"metadata": {"name": "default", "namespace": "a"}}, False),
        ("sa", {"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "r"}]}, True),
        ("secrets", {"metadata": {"name": "x"}, "type": "kubernetes.io/service-account-token"}, False),
        ("ns", {"metadata": {"name": "default"}}, False),
        ("services", {"metadata": {"name": "kubernetes", "namespace": "default"}}, False),
        ("clusterroles", {"metadata": {"name": "view", "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}}, False),
        ("clusterroles", READERS, False),
        ("clusterroles", {"metadata": {"name": "readers"}}, True),
        ("pv", {"metadata": {"name": "x", "annotations": {"pv.kubernetes.io/provisioned-by": "y"}}}, False),
        ("nodes", {"metadata": {"name": "x"}}, False),
    ],
)  # fmt: skip
def test_whose_it_is(word: str, obj: Obj, wanted: bool) -> None:
    assert is_somebodys(kind(word), obj) == wanted


def test_jobs_lose_what_their_uid_made() -> None:
    labels = {"app": "x", "controller-uid": "1", "batch.kubernetes.io/controller-uid": "1", "job-name": "j"}
    spec = {
        "selector": {"matchLabels": {"controller-uid": "1"}},
        "template": {"metadata": {"labels": labels}, "spec": {}},
    }
    job = {"metadata": {"name": "j", "uid": "1", "labels": labels}, "spec": spec, "status": {"active": 1}}
    assert portable(kind("jobs"), job) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "labels": {"app": "x"}},
        "spec": {"template": {"metadata": {"labels": {"app": "x"}}, "spec": {}}},
    }
    assert "selector" in portable(kind("jobs"), {**job, "spec": {**spec, "manualSelector": True}})["spec"]
    assert job["metadata"]["labels"] is labels and "controller-uid" in labels  # the original is as it was
