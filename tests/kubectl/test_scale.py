from __future__ import annotations

import pytest

from tests.kubectl.objects import deployment, set_status
from tests.support.cluster import TestCluster


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    cluster.client.create("deployments.apps", deployment("web"), "default")
    cluster.client.create("deployments.apps", deployment("api"), "default")
    return cluster


def size(cluster: TestCluster, name: str) -> int:
    return int(cluster.client.get("deployments.apps", name, "default")["spec"]["replicas"])


@pytest.mark.parametrize(
    ("argv", "out", "sizes"),
    [
        (["deploy", "web", "--replicas=4"], "deployment.apps/web scaled\n", (4, 2)),
        (
            ["deploy/web", "deploy/api", "--replicas=0"],
            "deployment.apps/web scaled\ndeployment.apps/api scaled\n",
            (0, 0),
        ),
        (["deploy", "--all", "--replicas=1"], "deployment.apps/api scaled\ndeployment.apps/web scaled\n", (1, 1)),
        (["deploy", "-l", "app=api", "--replicas=3"], "deployment.apps/api scaled\n", (2, 3)),
        (["deploy/web", "--replicas=3", "--current-replicas=2"], "deployment.apps/web scaled\n", (3, 2)),
        (["deploy/web", "--replicas=3", "--dry-run=client"], "deployment.apps/web scaled (dry run)\n", (2, 2)),
        (["deploy/web", "--replicas=3", "--dry-run=server"], "deployment.apps/web scaled (server dry run)\n", (2, 2)),
        (["deploy/web", "--replicas=3", "-o", "jsonpath={.spec.replicas}"], "3", (3, 2)),
    ],
)
def test_scale(web: TestCluster, argv: list[str], out: str, sizes: tuple[int, int]) -> None:
    result = web.cli("scale", *argv)
    assert (result.code, result.out, result.err) == (0, out, "")
    assert (size(web, "web"), size(web, "api")) == sizes


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["deploy/web"], 'required flag(s) "replicas" not set'),
        (
            ["deploy/web", "--replicas=-1"],
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
        ),
        (
            ["deploy/web", "--replicas=1", "--current-replicas=-2"],
            "The --current-replicas must specify an integer of -1 or greater",
        ),
        (["deploy/web", "--replicas=1", "--current-replicas=5"], "Expected replicas to be 5, was 2"),
        (["deploy", "-l", "app=x", "--replicas=1"], "no objects passed to scale"),
        (
            ["deploy", "--all", "--replicas=1", "--resource-version=1"],
            "cannot use --resource-version with multiple resources",
        ),
    ],
)
def test_what_cannot_be_scaled(web: TestCluster, argv: list[str], message: str) -> None:
    result = web.cli("scale", *argv)
    assert (result.code, result.err) == (1, f"error: {message}\n")
    assert (size(web, "web"), size(web, "api")) == (2, 2)


def test_the_version_must_be_the_current_one(web: TestCluster) -> None:
    version = web.client.get("deployments.apps", "web", "default")["metadata"]["resourceVersion"]
    assert web.cli("scale", "deploy/web", "--replicas=3", f"--resource-version={version}").code == 0
    result = web.cli("scale", "deploy/web", "--replicas=4", f"--resource-version={version}")
    assert result.err.startswith(f"error: Expected resource version to be {version}, was ")


def test_others_are_scaled_when_one_is_missing(web: TestCluster) -> None:
    result = web.cli("scale", "--replicas=5", "deploy/web", "deploy/none")
    assert result.out == "deployment.apps/web scaled\n"
    assert result.err == 'Error from server (NotFound): deployments.apps "none" not found\n'
    assert result.code == 1


def test_waiting_for_the_new_size(web: TestCluster) -> None:
    result = web.cli("scale", "deploy/web", "--replicas=3", "--timeout=100ms")
    assert result.err == 'error: timed out waiting for "web" to be synced\n'
    set_status(web, "deployments.apps", "web", {"replicas": 3})
    assert web.cli("scale", "deploy/web", "--replicas=3", "--timeout=10s").code == 0


def test_record_notes_the_command_line(web: TestCluster) -> None:
    result = web.cli("scale", "deploy/web", "--replicas=3", "--record")
    assert result.err == "Flag --record has been deprecated, --record will be removed in the future\n"
    annotations = web.client.get("deployments.apps", "web", "default")["metadata"]["annotations"]
    assert annotations["kubernetes.io/change-cause"] == "kubectl scale deploy/web --replicas=3 --record=true"
