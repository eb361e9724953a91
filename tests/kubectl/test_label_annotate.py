from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import TestCluster


@pytest.fixture
def some(cluster: TestCluster) -> TestCluster:
    for name in ("one", "two"):
        labels = {"app": name, "old": "x"}
        metadata = {"name": name, "labels": labels, "annotations": {"note": "hi"}}
        cluster.client.create("configmaps", {"metadata": metadata}, "default")
    return cluster


def meta(cluster: TestCluster, field: str, name: str = "one") -> dict[str, str]:
    found: dict[str, str] = cluster.client.get("configmaps", name, "default")["metadata"].get(field) or {}
    return found


@pytest.mark.parametrize(
    ("argv", "out", "labels"),
    [
        (["cm", "one", "tier=a"], "configmap/one labeled\n", {"app": "one", "old": "x", "tier": "a"}),
        (["cm", "one", "old-"], "configmap/one unlabeled\n", {"app": "one"}),
        (["cm", "one", "old-", "new=1"], "configmap/one modified\n", {"app": "one", "new": "1"}),
        (["cm", "one", "app=one"], "configmap/one not labeled\n", {"app": "one", "old": "x"}),
        (["cm", "one", "no-"], 'label "no" not found.\nconfigmap/one not labeled\n', {"app": "one", "old": "x"}),
        (["cm", "one", "app=b", "--overwrite"], "configmap/one labeled\n", {"app": "b", "old": "x"}),
        (["cm", "one", "t=a", "--dry-run=client"], "configmap/one labeled (dry run)\n", {"app": "one", "old": "x"}),
        (
            ["cm", "one", "t=a", "--dry-run=server"],
            "configmap/one labeled (server dry run)\n",
            {"app": "one", "old": "x"},
        ),
        (["cm", "one", "--list"], "app=one\nold=x\n", {"app": "one", "old": "x"}),
        (["cm", "-l", "app=one", "x=1"], "configmap/one labeled\n", {"app": "one", "old": "x", "x": "1"}),
    ],
)
def test_label(some: TestCluster, argv: list[str], out: str, labels: dict[str, str]) -> None:
    result = some.cli("label", *argv)
    assert (result.code, result.out, result.err) == (0, out, "")
    assert meta(some, "labels") == labels


def test_all_objects(some: TestCluster) -> None:
    assert some.cli("label", "cm", "--all", "x=1").out == "configmap/one labeled\nconfigmap/two labeled\n"
    listing = "Listing labels for ConfigMap./one:\n app=one\n old=x\n x=1\n"
    assert some.cli("label", "cm", "--all", "--list").out.startswith(listing)


ONE_OR_MORE = "one or more resources must be specified as <resource> <name> or <resource>/<name>"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["label", "cm", "one", "app=b"], "'app' already has a value (one), and --overwrite is false"),
        (["label", "cm", "one"], "at least one label update is required"),
        (["label", "a=b"], ONE_OR_MORE),
        (["label", "cm", "one", "a=b=c"], "invalid label spec: a=b=c"),
        (["label", "cm", "one", "a=b", "a-"], "can not both modify and remove a label in the same command"),
        (["label", "cm", "a=b", "one"], "all resources must be specified before label changes: one"),
        (["label", "cm", "--all", "-l", "a=b", "x=1"], "cannot set --all and --selector at the same time"),
        (
            ["label", "cm", "--all", "x=1", "--resource-version=1"],
            "--resource-version may only be used with a single resource",
        ),
        (["label", "cm", "one", "x=1", "--list", "-o", "yaml"], "--list and --output may not be specified together"),
        (["annotate", "cm", "one", "note=b"], "--overwrite is false but found the following declared annotation(s): "),
        (["annotate", "cm", "one"], "at least one annotation update is required"),
        (["annotate", "a=b"], ONE_OR_MORE),
        (
            ["annotate", "cm", "one", "a=1", "a-"],
            "can not both modify and remove the following annotation(s) in the same",
        ),
        (["annotate", "--local", "a=b"], "one or more files must be specified as -f rsrc.yaml or --filename=rsrc.json"),
    ],
)
def test_what_is_refused(some: TestCluster, argv: list[str], message: str) -> None:
    result = some.cli(*argv)
    assert result.code == 1
    assert result.err.startswith(f"error: {message}"), result.err
    assert (meta(some, "labels"), meta(some, "annotations")) == ({"app": "one", "old": "x"}, {"note": "hi"})


def test_invalid_values_are_explained(some: TestCluster) -> None:
    result = some.cli("label", "cm", "one", "a=b c")
    assert result.err.startswith('error: invalid label value: "a=b c": a valid label must be an empty string or')


@pytest.mark.parametrize(
    ("argv", "annotations"),
    [
        (["a=1", "b=x=y"], {"note": "hi", "a": "1", "b": "x=y"}),
        (["note-"], {}),
        (["note=new", "--overwrite"], {"note": "new"}),
        (["a=1", "--dry-run=server"], {"note": "hi"}),
    ],
)
def test_annotate(some: TestCluster, argv: list[str], annotations: dict[str, str]) -> None:
    result = some.cli("annotate", "cm/one", *argv)
    suffix = " (server dry run)" if "--dry-run=server" in argv else ""
    assert (result.code, result.out, result.err) == (0, f"configmap/one annotated{suffix}\n", "")
    assert meta(some, "annotations") == annotations


def test_the_change_cause_may_always_change(some: TestCluster) -> None:
    for text in ("first", "second"):
        assert some.cli("annotate", "cm/one", f"kubernetes.io/change-cause={text}").code == 0
    assert meta(some, "annotations")["kubernetes.io/change-cause"] == "second"


def test_only_if_the_version_is_the_given_one(some: TestCluster) -> None:
    version = some.client.get("configmaps", "one", "default")["metadata"]["resourceVersion"]
    for command in ("label", "annotate"):
        result = some.cli(command, "cm/one", "x=1", "--resource-version=1")
        assert result.err.startswith("Error from server (Conflict): "), result.err
    assert some.cli("label", "cm/one", "x=1", f"--resource-version={version}").code == 0


def test_local_files_keep_their_shape(cluster: TestCluster, tmp_path: Path) -> None:
    path = tmp_path / "cm.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n    a: b\n")
    result = cluster.cli("label", "-f", str(path), "a-", "--local", "-o", "yaml")
    assert result.out == "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n  name: x\n"
    refused = cluster.cli("label", "cm/x", "a=b", "--local")
    assert refused.err == (
        "error: can only use local files by -f pod.yaml or --filename=pod.json when --local=true is set\n"
    )
