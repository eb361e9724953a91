"""helm v4 with the chart of examples/: install, upgrade, roll back, test, uninstall."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import reference
from tests.support.daemon import Daemon

CHART = str(Path(__file__).parents[2] / "examples" / "chart")
WAIT = ("--wait", "--timeout", "60s")


@pytest.fixture
def helm(kubeconfig: Path, namespace: str, tmp_path: Path) -> Helm:
    return Helm(kubeconfig, namespace, tmp_path)


class Helm:
    """`helm("install", …)` in the test's namespace; its output. Fails the test when helm fails."""

    def __init__(self, kubeconfig: Path, namespace: str, home: Path):
        self.kubeconfig, self.namespace, self.home = kubeconfig, namespace, home

    def __call__(self, *argv: str, fails: bool = False) -> str:
        words = ("-n", self.namespace, *argv)
        done = reference.run("helm", *words, home=self.home, timeout=120, KUBECONFIG=str(self.kubeconfig))
        assert (done.code != 0) == fails, done.out + done.err
        return done.err if fails else done.out

    def history(self) -> list[tuple[int, str]]:
        return [(r["revision"], r["status"]) for r in json.loads(self("history", "hi", "-o", "json"))]


def test_the_life_of_a_release(running: Daemon, namespace: str, helm: Helm) -> None:
    client = running.client
    assert "hi says: Hello from a chart" in helm("install", "hi", CHART, *WAIT)
    web = client.get("deployments.apps", "hi", namespace)
    assert web["status"]["readyReplicas"] == 2 and web["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert [r["name"] for r in json.loads(helm("list", "-o", "json"))] == ["hi"]
    assert json.loads(helm("status", "hi", "-o", "json"))["info"]["status"] == "deployed"
    helm("upgrade", "hi", CHART, "--set", "replicas=3,greeting=Changed", *WAIT)
    assert client.get("deployments.apps", "hi", namespace)["status"]["readyReplicas"] == 3
    assert "Changed" in client.get("cm", "hi-page", namespace)["data"]["index.html"]
    assert helm.history() == [(1, "superseded"), (2, "deployed")]
    helm("rollback", "hi", "1", *WAIT)
    assert client.get("deployments.apps", "hi", namespace)["spec"]["replicas"] == 2
    assert helm.history()[-1] == (3, "deployed")
    assert "Succeeded" in helm("test", "hi", "--timeout", "60s")
    assert "Hello from a chart" in helm("get", "manifest", "hi")
    helm("uninstall", "hi", *WAIT)
    assert client.list("deployments.apps", namespace)["items"] == []
    assert client.list("secrets", namespace)["items"] == []


def test_releases_that_cannot_be(helm: Helm) -> None:
    assert "cannot reuse a name" in (helm("install", "hi", CHART), helm("install", "hi", CHART, fails=True))[1]
    assert "has no deployed releases" in helm("upgrade", "nope", CHART, fails=True)
    assert "kind" in helm("install", "dry", CHART, "--dry-run=server")
    late = helm(
        "install", "late", CHART, "--set", "image=registry.invalid/none:1", "--wait", "--timeout", "3s", fails=True
    )
    assert "context deadline exceeded" in late or "timed out" in late or "not ready" in late
