"""Pods with addresses of their own, as a user of a cluster sees them: probes, files, names, several nodes, loss."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.kubelet.agent import RUNTIME, kill_everything, make_agent
from minikctl.kubelet.node import NodeConfig
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.sandbox import bwrap
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import processes_of, until
from tests.support.network import cluster_network

SERVER = "import http.server as h; h.ThreadingHTTPServer(('{}', {}), h.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ClusterNetwork]:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    with cluster_network(tmp_path / "state") as made:
        if made is None:
            pytest.skip("this machine allows no network namespaces")
        (tmp_path / "state" / "cluster.json").unlink()
        yield made


@pytest.fixture
def node(network: ClusterNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(RUNTIME, "sandbox")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def server(address: str, port: int) -> dict:
    return {"image": "python", "command": ["python3", "-c", SERVER.format(address, port)]}


def test_addresses_are_shown(node: Running) -> None:
    node.create()
    status = node.ready()["status"]
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == ("10.244.1.2", [{"ip": "10.244.1.2"}], "172.18.0.2")
    shown = node.client.get("nodes", "node-1")
    assert shown["spec"]["podCIDR"] == "10.244.1.0/24" and shown["status"]["addresses"][0]["address"] == "172.18.0.2"
    node.create("host", spec={"hostNetwork": True})
    assert node.ready("host")["status"]["podIP"] == "172.18.0.2"


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
def test_probes_reach_a_port_below_1024(node: Running, kind: str) -> None:
    probe = {kind: {"port": 80, **({"path": "/"} if kind == "httpGet" else {})}, "periodSeconds": 1}
    node.create(**server("0.0.0.0", 80), readinessProbe=probe, startupProbe=probe)
    node.ready()


def test_a_hook_asks_a_port(node: Running) -> None:
    hook = {"postStart": {"httpGet": {"port": 8080, "path": "/nothing"}}}
    node.create(**server("0.0.0.0", 8081), lifecycle=hook, policy="Never")
    node.wait(lambda p: bool(terminated(first(p))))
    assert "FailedPostStartHook" in [reason for reason, _ in node.events()]


def test_names(node: Running) -> None:
    spec = {"hostname": "own", "subdomain": "web", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["alias"]}]}
    node.create(command=shell("hostname; cat /etc/hosts /etc/resolv.conf"), policy="Never", spec=spec)
    node.wait(lambda p: bool(terminated(first(p))))
    node.said(" own\n")
    for text in (
        "10.244.1.2\town.web.default.svc.cluster.local\town",
        "1.2.3.4\talias",
        "search default.svc.cluster.local svc.cluster.local cluster.local",
        "nameserver 10.96.0.10",
        "options ndots:5",
    ):
        node.said(text)


def test_containers_meet_on_localhost(node: Running) -> None:
    ask = "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 9000), 5)' && echo met"
    other = {"name": "other", "image": "python", "command": shell(f"until {ask}; do sleep 0.05; done; sleep 600")}
    body = node.create(**server("127.0.0.1", 9000))
    node.client.delete("pods", body["metadata"]["name"], "default")
    until(lambda: node.pod() is None)
    spec = {**body["spec"], "containers": [*body["spec"]["containers"], other]}
    node.client.create("pods", {"metadata": {"name": "web"}, "spec": spec}, "default")
    node.said("met")


def test_nodes_have_ranges_of_their_own(node: Running, network: ClusterNetwork) -> None:
    second = make_agent(node.client, node.root, [NodeConfig("node-2", 2)], simulated=False)
    second.start()
    try:
        node.create("far", **server("0.0.0.0", 80), spec={"nodeName": "node-2"})
        assert node.ready("far")["status"]["podIP"] == "10.244.2.2"
        fetch = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://10.244.2.2/\").status)'"
        ask = shell(f"until {fetch}; do sleep 0.05; done")
        node.create("near", image="python", command=ask, policy="Never")
        node.said("200", "near")
    finally:
        second.stop()


def test_a_lost_network_is_made_anew(node: Running) -> None:
    node.create(**server("0.0.0.0", 80), readinessProbe={"tcpSocket": {"port": 80}, "periodSeconds": 1})
    before = first(node.ready())["containerID"]
    uid = node.pod()["metadata"]["uid"]
    sandbox = node.kubelet.runtime.pod_state(uid).sandbox
    os.kill(node.kubelet.runtime._network.pause(sandbox.id), signal.SIGKILL)

    def again(pod: dict) -> bool:
        now = first(pod)
        return now.get("containerID") != before and bool(now.get("ready")) and now["restartCount"] == 1

    pod = node.wait(again)
    assert pod["status"]["podIP"] != "" and first(pod)["lastState"]["terminated"]["exitCode"] == 137
    assert ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.") in node.events()


def test_nothing_is_left_of_a_deleted_pod(node: Running, network: ClusterNetwork) -> None:
    node.create()
    node.ready()
    assert len(network.pods()) == 1
    node.client.delete("pods", "web", "default")
    until(lambda: node.pod() is None and not network.pods())
