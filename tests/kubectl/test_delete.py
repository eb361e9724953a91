from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.kubectl.objects import pod
from tests.support.cluster import TestCluster

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: one
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: two
"""


@pytest.fixture
def some(cluster: TestCluster) -> TestCluster:
    for name in ("one", "two", "three"):
        labels = {"odd": "yes"} if name != "two" else {}
        cluster.client.create("configmaps", {"metadata": {"name": name, "labels": labels}}, "default")
    cluster.client.create("namespaces", {"metadata": {"name": "test"}})
    return cluster


def names(cluster: TestCluster) -> list[str]:
    return sorted(o["metadata"]["name"] for o in cluster.client.list("configmaps", "default")["items"])


@pytest.mark.parametrize(
    ("argv", "out", "left"),
    [
        (["cm", "one"], 'configmap "one" deleted from default namespace\n', ["three", "two"]),
        (["cm/one", "cm/two", "-o", "name"], "configmap/one\nconfigmap/two\n", ["three"]),
        (
            ["cm", "-l", "odd=yes"],
            'configmap "one" deleted from default namespace\nconfigmap "three" deleted from default namespace\n',
            ["two"],
        ),
        (
            ["cm", "--field-selector=metadata.name!=one", "--wait=false"],
            'configmap "three" deleted from default namespace\nconfigmap "two" deleted from default namespace\n',
            ["one"],
        ),
        (["cm", "one", "--dry-run=client"], 'configmap "one" deleted from default namespace (dry run)\n', 3),
        (["cm", "one", "--dry-run=server"], 'configmap "one" deleted from default namespace (server dry run)\n', 3),
        (["cm", "-l", "odd=no"], "No resources found\n", 3),
        (["cm", "none", "--ignore-not-found"], "", 3),
    ],
)
def test_delete(some: TestCluster, argv: list[str], out: str, left: list[str] | int) -> None:
    result = some.cli("delete", *argv)
    assert (result.code, result.out, result.err) == (0, out, "")
    assert names(some) == left if isinstance(left, list) else len(names(some)) == left


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["cm", "none"], 'Error from server (NotFound): configmaps "none" not found'),
        (["cm"], "error: resource(s) were provided, but no name was specified"),
        (["cm", "--all", "-l", "a=b"], "error: setting 'all' parameter but found a non empty selector. "),
        (["cm", "one", "--all"], "error: name cannot be provided when a selector is specified"),
        (["cm", "one", "-o", "yaml"], "error: unexpected -o output mode: yaml. We only support '-o name'"),
        (["cm", "one", "--now", "--grace-period=3"], "error: --now and --grace-period cannot be specified together"),
        (
            ["cm", "one", "--force", "--grace-period=3"],
            "error: --force and --grace-period greater than 0 cannot be specified together",
        ),
        (
            ["cm", "one", "--cascade=x"],
            'error: invalid cascade value (x). Must be "background", "foreground", or "orphan"',
        ),
        (["--raw=/api", "-i"], "error: --interactive can not be used with --raw"),
        (["--raw=/api", "-R"], "error: --raw and --recursive are mutually exclusive"),
        (["-f", "none.yaml"], 'error: the path "none.yaml" does not exist'),
    ],
)
def test_what_cannot_be_deleted(some: TestCluster, argv: list[str], message: str) -> None:
    result = some.cli("delete", *argv)
    assert (result.code, result.out, result.err) == (1, "", message + "\n")
    assert len(names(some)) == 3


def test_others_are_deleted_when_one_is_missing(some: TestCluster) -> None:
    result = some.cli("delete", "cm", "none", "one")
    assert (result.code, result.out) == (1, 'configmap "one" deleted from default namespace\n')
    assert names(some) == ["three", "two"]


def test_files(some: TestCluster, tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(MANIFEST)
    assert some.cli("delete", "-f", str(path)).code == 0
    result = some.cli("delete", "-f", "some.yaml", cwd=tmp_path)
    assert result.err == "".join(
        f'Error from server (NotFound): error when deleting "some.yaml": configmaps "{n}" not found\n'
        for n in ("one", "two")
    )
    assert some.cli("delete", "-f", "some.yaml", "--ignore-not-found", cwd=tmp_path).code == 0


def test_cluster_scoped_objects_name_no_namespace(some: TestCluster) -> None:
    result = some.cli("delete", "ns", "test", "-n", "default", "--wait=false")
    assert result.out == 'namespace "test" deleted\n'
    assert result.err == "Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n"


@pytest.mark.parametrize(("answer", "left"), [("y\n", 2), ("n\n", 3), ("", 3)])
def test_interactive(some: TestCluster, answer: str, left: int) -> None:
    result = some.cli("delete", "cm", "one", "-i", stdin=answer)
    question = "You are about to delete the following 1 resource(s):\nconfigmap/one\nDo you want to continue? (y/N): "
    assert result.out.startswith(question)
    assert result.out.endswith('"one" deleted from default namespace\n' if left == 2 else "deletion is cancelled\n")
    assert len(names(some)) == left


def test_raw(some: TestCluster) -> None:
    result = some.cli("delete", "--raw=/api/v1/namespaces/default/configmaps/one")
    assert result.code == 0
    assert '"status":"Success"' in result.out
    assert names(some) == ["three", "two"]
    assert some.cli("delete", "--raw=/api/v1/nothing").code == 1


def bound_pod(cluster: TestCluster, name: str) -> None:
    cluster.client.create("pods", pod(name, nodeName="node-1"), "default")


def test_a_pod_that_takes_its_time(cluster: TestCluster) -> None:
    bound_pod(cluster, "web")
    result = cluster.cli("delete", "pod", "web", "--timeout=100ms")
    assert result.out == 'pod "web" deleted from default namespace\n'
    assert result.err == "error: timed out waiting for the condition on pods/web\n"
    assert cluster.client.get("pods", "web", "default")["metadata"]["deletionGracePeriodSeconds"] == 30


def test_grace_periods(cluster: TestCluster) -> None:
    for name, flags, seconds in (("a", ["--now"], 1), ("b", ["--grace-period=0"], 1), ("c", ["--grace-period=9"], 9)):
        bound_pod(cluster, name)
        assert cluster.cli("delete", "pod", name, "--wait=false", *flags).code == 0
        assert cluster.client.get("pods", name, "default")["metadata"]["deletionGracePeriodSeconds"] == seconds
    bound_pod(cluster, "d")
    result = cluster.cli("delete", "pod", "d", "--force")
    assert result.out == 'pod "d" force deleted from default namespace\n'
    assert result.err.startswith("Warning: Immediate deletion does not wait for confirmation")


def test_a_new_object_of_the_same_name_is_not_waited_for(cluster: TestCluster) -> None:
    bound_pod(cluster, "web")

    def replace() -> None:
        for event in cluster.client.watch("pods", "default", resource_version="1", timeout=10):
            if event.type == "MODIFIED":
                from minikctl.client.protocol import DeleteOptions

                cluster.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
                bound_pod(cluster, "web")
                return

    thread = threading.Thread(target=replace)
    thread.start()
    result = cluster.cli("delete", "pod", "web", "--timeout=10s")
    thread.join()
    assert (result.code, result.err) == (0, "")
