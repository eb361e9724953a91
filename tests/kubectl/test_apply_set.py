"""`apply --prune --applyset`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikctl.api.meta import annotations_of, labels_of
from minikctl.kubectl.applying import apply_set
from tests.support.cluster import Result, TestCluster


def config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"a": "b"}}


def apply(cluster: TestCluster, *objects: dict[str, Any], flags: tuple[str, ...] = ()) -> Result:
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    return cluster.cli("apply", "--prune", "--applyset=shop", "-n", "default", "-f", "-", *flags, stdin=body)


def parent(cluster: TestCluster) -> dict[str, Any]:
    return cluster.client.get("secrets", "shop", "default")


ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}


def test_a_set_is_kept_and_pruned(cluster: TestCluster) -> None:
    got = apply(cluster, config_map("one"), config_map("two"), ACCOUNT)
    assert got.out == "configmap/one created\nconfigmap/two created\nserviceaccount/robot created\n", got.err
    found = parent(cluster)
    assert annotations_of(found) == {
        "applyset.kubernetes.io/tooling": "kubectl/v1.36.3",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap,ServiceAccount",
        "applyset.kubernetes.io/additional-namespaces": "",
    }
    mark = labels_of(found)["applyset.kubernetes.io/id"]
    assert mark.startswith("applyset-") and mark.endswith("-v1")
    assert labels_of(cluster.client.get("configmaps", "one", "default")) == {"applyset.kubernetes.io/part-of": mark}
    cluster.client.create("configmaps", {"metadata": {"name": "foreign"}}, "default")
    got = apply(cluster, config_map("one"))
    assert got.out == "configmap/one unchanged\nconfigmap/two pruned\nserviceaccount/robot pruned\n"
    assert annotations_of(parent(cluster))["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap"
    names = [o["metadata"]["name"] for o in cluster.client.list("configmaps", "default")["items"]]
    assert {"one", "foreign"} <= set(names) and "two" not in names


def test_the_server_may_merge(cluster: TestCluster) -> None:
    assert apply(cluster, config_map("one"), config_map("two"), flags=("--server-side",)).code == 0
    got = apply(cluster, config_map("two"), flags=("--server-side",))
    assert got.out == "configmap/two serverside-applied\nconfigmap/one pruned\n", got.err


@pytest.mark.parametrize("way", ["client", "server"])
def test_dry_runs_change_nothing(cluster: TestCluster, way: str) -> None:
    apply(cluster, config_map("one"), config_map("two"))
    before = parent(cluster)
    got = apply(cluster, config_map("one"), flags=(f"--dry-run={way}",))
    shown = "(dry run)" if way == "client" else "(server dry run)"
    assert got.out == f"configmap/one unchanged {shown}\nconfigmap/two pruned {shown}\n"
    assert parent(cluster) == before
    assert cluster.client.get("configmaps", "two", "default")


def test_other_namespaces(cluster: TestCluster) -> None:
    call = ("apply", "--prune", "--applyset=configmaps/shop", "-f", "-")
    cluster.client.create("namespaces", {"metadata": {"name": "team"}})
    body = json.dumps(config_map("one", namespace="team"))
    got = cluster.cli(*call, "-n", "team", stdin=body)
    assert got.out == "configmap/one created\n", got.err
    found = cluster.client.get("configmaps", "shop", "team")
    assert annotations_of(found)[apply_set.NAMESPACES] == ""


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--applyset=shop"], "--applyset requires --prune"),
        (["--applyset=shop", "--prune"], "namespace is required to use namespace-scoped ApplySet"),
        (
            ["--applyset=pods/shop", "--prune", "-n", "default"],
            'resource "/v1, Resource=pods" is not permitted as an ApplySet parent',
        ),
        (
            ["--applyset=fruit/shop", "--prune"],
            'invalid parent reference "fruit/shop": no matches for /, Resource=fruit',
        ),
        (["--applyset=secrets/", "--prune"], 'invalid parent reference "secrets/": name cannot be blank'),
        (["--applyset=shop", "--prune", "-n", "default", "--all"], "--all is incompatible with --applyset"),
        (["--applyset=shop", "--prune", "-n", "default", "-l", "a=b"], "--selector is incompatible with --applyset"),
        (
            ["--applyset=shop", "--prune", "-n", "default", "--prune-allowlist=core/v1/Pod"],
            "--prune-allowlist is incompatible with --applyset",
        ),
    ],
)
def test_refused(cluster: TestCluster, argv: list[str], message: str) -> None:
    got = cluster.cli("apply", "-f", "-", *argv, stdin=json.dumps(config_map("one")))
    assert (got.code, got.out, got.err) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("labels", "annotations", "message"),
    [
        ({}, {}, 'already exists and is missing required annotation "applyset.kubernetes.io/tooling"'),
        ({}, {apply_set.TOOLING: "helm/v3"}, 'already exists and is managed by tooling "helm" instead of "kubectl"'),
        ({}, {apply_set.TOOLING: "kubectl/v1"}, "exists and does not have required label applyset.kubernetes.io/id"),
    ],
)
def test_somebody_elses_parent(
    cluster: TestCluster, labels: dict[str, str], annotations: dict[str, str], message: str
) -> None:
    metadata = {"name": "shop", "labels": labels, "annotations": annotations}
    cluster.client.create("secrets", {"metadata": metadata}, "default")
    got = apply(cluster, config_map("one"))
    assert got.err == f'error: ApplySet parent object "secrets./shop" {message}\n'
    marked = config_map("two", labels={apply_set.PART_OF: "x"})
    assert 'ApplySet label "applyset.kubernetes.io/part-of" already set' in apply(cluster, marked).err
