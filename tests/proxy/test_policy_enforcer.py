"""The enforcer follows policies and pods, and changes no more than it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.meta import Obj
from minikctl.client.informer import InformerFactory
from minikctl.proxy.policy.enforcer import Enforcer
from minikctl.proxy.policy.table import REMOVE
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually


class Nft:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.broken = False

    def __call__(self, text: str, _arguments: list[str]) -> str:
        if self.broken:
            raise RuntimeError("no such table")
        self.texts.append(text)
        return ""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    made = TestCluster(tmp_path / "state", live=True)
    yield made
    made.close()


def pod(cluster: TestCluster, name: str, ip: str, **labels: str) -> None:
    spec = {"containers": [{"name": "main", "image": "busybox"}], "nodeName": "node-1"}
    cluster.client.create("pods", {"metadata": {"name": name, "labels": labels}, "spec": spec}, "default")
    status(cluster, name, podIP=ip, phase="Running")


def status(cluster: TestCluster, name: str, **fields: object) -> None:
    cluster.client.patch("pods", name, {"status": fields}, "default", subresource="status")


def policy(cluster: TestCluster, name: str, spec: Obj) -> None:
    cluster.client.create("networkpolicies", {"metadata": {"name": name}, "spec": spec}, "default")


DENY_WEB = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]}  # fmt: skip


def test_from_no_policy_to_some_and_back(cluster: TestCluster) -> None:
    nft = Nft()
    informers = InformerFactory(cluster.client)
    enforcer = Enforcer(informers, nft, "172.18.0.1")
    informers.start()
    informers.wait_for_sync()
    enforcer.start()
    try:
        eventually(lambda: nft.texts == [REMOVE])
        pod(cluster, "web", "10.244.1.2", app="web")
        assert enforcer.permits("10.244.1.9", "10.244.1.2", 80, "tcp")
        policy(cluster, "deny", DENY_WEB)
        eventually(lambda: "10.244.1.2 : jump" in nft.texts[-1])
        assert not enforcer.permits("10.244.1.9", "10.244.1.2", 80, "tcp")

        loads = enforcer.loads
        pod(cluster, "friend", "10.244.1.3", a="b")
        eventually(lambda: enforcer.permits("10.244.1.3", "10.244.1.2", 80, "tcp"))
        eventually(lambda: nft.texts[-1].endswith("{ 10.244.1.3 }\n"))
        assert enforcer.loads == loads + 1
        status(cluster, "friend", message="hello")
        pod(cluster, "stranger", "10.244.1.4")
        cluster.client.delete("networkpolicies", "deny", "default")
        eventually(lambda: nft.texts[-1] == REMOVE)
        assert enforcer.loads == loads + 2
        assert enforcer.permits("10.244.1.9", "10.244.1.2", 80, "tcp")
    finally:
        enforcer.stop()
        informers.stop()


def test_a_refusal_of_nft_is_tried_again(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikctl.proxy.policy.enforcer.RETRY_SECONDS", 0.05)
    nft = Nft()
    informers = InformerFactory(cluster.client)
    enforcer = Enforcer(informers, nft, "172.18.0.1")
    pod(cluster, "web", "10.244.1.2", app="web")
    nft.broken = True
    informers.start()
    informers.wait_for_sync()
    enforcer.start()
    try:
        policy(cluster, "deny", DENY_WEB)
        eventually(lambda: not enforcer.permits("10.244.1.9", "10.244.1.2", 80, "tcp"))
        nft.broken = False
        eventually(lambda: bool(nft.texts) and "10.244.1.2 : jump" in "".join(nft.texts))
    finally:
        enforcer.stop()
        informers.stop()
