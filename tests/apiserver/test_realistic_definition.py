"""A definition as operators ship them, in all its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client.protocol import WriteOptions
from tests.support.cluster import TestCluster

FILE = Path(__file__).parent / "data" / "definitions" / "databases.yaml"
LATEST = "databases.v1.store.example.com"


@pytest.fixture
def databases(cluster: TestCluster) -> TestCluster:
    assert cluster.cli("create", "-f", str(FILE)).out == (
        "customresourcedefinition.apiextensions.k8s.io/databases.store.example.com created\n"
    )
    return cluster


def database(name: str = "main", version: str = "v1", **spec: Any) -> Obj:
    base: Obj = {"engine": {"name": "cluster"}, "storage": {"size": "1Gi"}}
    return {
        "apiVersion": f"store.example.com/{version}",
        "kind": "Database",
        "metadata": {"name": name},
        "spec": {**base, **spec},
    }


def create(cluster: TestCluster, **spec: Any) -> Obj:
    return cluster.client.create(LATEST, database(**spec), "default")


def test_what_was_written_is_what_is_kept(databases: TestCluster) -> None:
    given = yaml.safe_load(FILE.read_text())["spec"]
    made = databases.client.get("crd", "databases.store.example.com")["spec"]
    assert made["versions"] == given["versions"]
    made = create(
        databases, users=[{"name": "ann"}], backup={"until": None}, template={"kind": "Pod", "apiVersion": "v1"}
    )
    assert made["spec"] == {
        "engine": {"name": "cluster", "version": "1.0.0"},
        "storage": {"size": "1Gi"},
        "users": [{"name": "ann", "host": "%"}],
        "backup": {"keep": 7, "until": None},
        "template": {"kind": "Pod", "apiVersion": "v1"},
        "replicas": 1,
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "x" * 41}, "<nil>: Invalid value: the name of a database has at most 40 characters"),
    (
        {"engine": {"name": "single"}, "replicas": 3},
        "spec.replicas: Invalid value: engine single has one replica, not 3",
    ),
    ({"replicas": 8, "backup": {"keep": 5}}, "spec: Forbidden: keep at least one backup a replica"),
    ({"replicas": 10}, "spec.replicas in body should be less than or equal to 9"),
    ({"engine": {"name": "other"}}, 'spec.engine.name: Unsupported value: "other": supported values: "single", "cluster"'),
    ({"engine": {"name": "cluster", "version": "1"}}, 'spec.engine.version: Invalid value: "1": must be a semantic version'),
    ({"storage": {}}, "spec.storage.size: Required value"),
    ({"storage": {"size": "big"}}, 'spec.storage.size: Invalid value: "big": spec.storage.size in body should match'),
    ({"storage": {"size": 1.5}}, 'spec.storage.size in body must be of type integer,string: "number"'),
    ({"users": [{"name": "a"}, {"name": "a"}]}, 'spec.users[1]: Duplicate value: {"host":"%","name":"a"}'),
    ({"users": [{"name": "a", "grants": ["read", "read"]}]}, 'spec.users[0].grants[1]: Duplicate value: "read"'),
    ({"listeners": [{"port": 1, "socket": "/x"}]}, '"spec.listeners[0]" must validate one and only one schema (oneOf). Found 2 valid alternatives'),
    ({"listeners": [{}]}, '"spec.listeners[0]" must validate one and only one schema (oneOf). Found none valid'),
    ({"backup": {"until": "soon"}}, 'spec.backup.until in body must be of type date-time: "soon"'),
    ({"template": {"spec": {}}}, "spec.template.kind: Required value"),
    ({"engine": {"name": "cluster", "parameters": {"a": []}}}, 'spec.engine.parameters.a in body must be of type integer,string: "array"'),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "text"), REFUSED)
def test_refused(databases: TestCluster, spec: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as e:
        create(databases, **spec)
    assert (e.value.code, e.value.reason) == (422, "Invalid")
    assert text in e.value.message


def test_transitions(databases: TestCluster) -> None:
    create(databases, engine={"name": "cluster", "version": "2.0.0"}, storage={"size": "1Gi", "className": "fast"})
    client = databases.client
    client.patch(LATEST, "main", {"spec": {"engine": {"version": "2.1.0"}}}, "default")
    with pytest.raises(ApiError, match="engines are never downgraded"):
        client.patch(LATEST, "main", {"spec": {"engine": {"version": "1.9.0"}}}, "default")
    with pytest.raises(ApiError, match="the class of the storage cannot change"):
        client.patch(LATEST, "main", {"spec": {"storage": {"className": "slow"}}}, "default")


def test_status_columns_scale_and_selectors(databases: TestCluster) -> None:
    create(databases, replicas=2)
    databases.client.create(LATEST, database("other", engine={"name": "single"}), "default")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"status": {"conditions": [ready], "replicas": 2, "selector": "db=main"}}
    databases.client.patch(LATEST, "main", status, "default", subresource="status")
    lines = databases.cli("get", "db").out.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["NAME", "ENGINE", "REPLICAS", "READY"],
        ["main", "cluster", "2", "True"],
        ["other", "single", "1", lines[2].split()[3]],
    ]
    assert databases.cli("get", "all", "-o", "name").out.count("database.store.example.com/") == 2
    scale = databases.client.get(LATEST, "main", "default", subresource="scale")
    assert scale["status"] == {"replicas": 2, "selector": "db=main"}
    assert databases.cli("scale", "db/main", "--replicas=4").out == "database.store.example.com/main scaled\n"
    found = databases.cli("get", "db", "--field-selector=spec.engine.name=single", "-o", "name").out
    assert found == "database.store.example.com/other\n"


def test_conditions_of_two_writers(databases: TestCluster) -> None:
    create(databases)
    for manager in ("one", "two"):
        condition = {"type": manager.title(), "status": "True"}
        applied = {**database(), "status": {"conditions": [condition]}}
        del applied["spec"]
        options = WriteOptions(field_manager=manager)
        databases.client.patch(
            LATEST, "main", applied, "default", patch_type="apply", subresource="status", options=options
        )
    status = databases.client.get(LATEST, "main", "default")["status"]
    assert [c["type"] for c in status["conditions"]] == ["One", "Two"]


def test_the_version_before(databases: TestCluster) -> None:
    warned: list[str] = []
    databases.client.on_warning(warned.append)
    old = databases.client.kind("databases.v1beta1.store.example.com")
    assert old is not None
    databases.client.create(old, database(version="v1beta1"), "default")
    assert warned == ["store.example.com/v1beta1 Database is old; use v1"]
    assert databases.client.get(LATEST, "main", "default")["spec"]["replicas"] == 1
