"""The process of the cluster network among those of a cluster: when there is one, and what outlives what."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.client.state_dir import Cluster
from minikctl.cluster import layout, network, pod_door
from minikctl.runtime.network.client import ClusterNetwork
from tests.support.cluster import TestCluster
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    daemon.start()
    if ClusterNetwork.open(daemon.root) is None:
        pytest.skip("this machine allows no network namespaces")
    return daemon


def opened(daemon: Daemon) -> ClusterNetwork:
    found = ClusterNetwork.open(daemon.root)
    assert found is not None
    return found


def test_it_comes_back(running: Daemon) -> None:
    network = opened(running)
    old = running.kill(layout.NETWORK)
    assert network.pods() == {} and network.pid != old.pid
    network.close()


def test_it_outlives_its_supervisor_and_is_taken_over(running: Daemon) -> None:
    old = running.process(layout.NETWORK)
    running.kill(layout.SUPERVISOR)
    agent = running.process("kubelet-node-1")
    eventually(lambda: not agent.alive)
    running.start()
    assert running.process(layout.NETWORK) == old and old.alive and opened(running).pid == old.pid
    running.kill(layout.NETWORK)  # that it is watched over, though it is nobody's child here
    eventually(lambda: running.process(layout.NETWORK).alive)
    assert opened(running).pid == running.process(layout.NETWORK).pid != old.pid
    running.kill(layout.SUPERVISOR)
    assert running.run("cluster", "stop").code == 0
    assert not running.root.joinpath("run", "network.pid").exists()


def test_a_real_node_brings_it_and_the_last_one_takes_it_away(daemon: Daemon) -> None:
    daemon.start("--nodes", "1", "--simulated")
    assert ClusterNetwork.open(daemon.root) is None
    if (
        daemon.run("cluster", "node", "add", "real", "--simulated=false").code == 0
        and ClusterNetwork.open(daemon.root) is not None
    ):
        daemon.run("cluster", "node", "remove", "real")
        eventually(lambda: ClusterNetwork.open(daemon.root) is None)


def test_who_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def cluster(**fields: object) -> Cluster:
        return Cluster("u", "2026-01-01T00:00:00Z", **fields)  # type: ignore[arg-type]

    assert not network.is_wanted(cluster(simulated=True))
    assert network.is_wanted(cluster(simulated=True, added={"real": {"index": 2}}))
    assert not network.is_wanted(cluster(added={"s": {"index": 2, "simulated": True}}, removed=["node-1"]))
    monkeypatch.setenv("MINIKCTL_RUNTIME", "process")
    assert not network.is_wanted(cluster())


ASK = """
import json, pathlib, ssl, time, urllib.request
folder = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
request = urllib.request.Request("https://kubernetes.default.svc/version")
request.add_header("Authorization", "Bearer " + (folder / "token").read_text())
context = ssl.create_default_context(cafile=folder / "ca.crt")
while True:
    try:
        print("major", json.load(urllib.request.urlopen(request, context=context, timeout=5))["major"], flush=True)
    except OSError as e:
        print(e, flush=True)
    time.sleep(0.2)
"""


def test_pods_reach_the_api_server_by_its_name_and_again_when_the_network_was_killed(running: Daemon) -> None:
    client = running.client
    port = int(client.get("services", "kubernetes", "default")["spec"]["ports"][0]["targetPort"])
    eventually(lambda: bool(client.list("endpointslices", "default")["items"]))
    found = client.get("endpointslices", "kubernetes", "default")
    assert (found["endpoints"][0]["addresses"], found["ports"][0]["port"]) == (["172.18.0.1"], port)
    assert client.get("endpoints", "kubernetes", "default")["subsets"][0]["addresses"] == [{"ip": "172.18.0.1"}]
    spec = {"containers": [{"name": "app", "image": "python", "command": ["python3", "-c", ASK]}]}
    client.create("pods", {"metadata": {"name": "asks"}, "spec": spec}, "default")

    def answered() -> bool:
        return "major 1" in running.run("logs", "asks", "--tail=1").out

    eventually(answered, timeout=30)
    running.kill(layout.NETWORK)
    eventually(lambda: restarts(running) == 1, timeout=30)
    eventually(answered, timeout=30)


def restarts(daemon: Daemon) -> int:
    found = daemon.client.get("pods", "asks", "default")["status"].get("containerStatuses") or [{}]
    return int(found[0].get("restartCount") or 0)


def test_the_endpoints_of_the_api_server_follow_it(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path)
    client = cluster.client
    for address, port in (("172.18.0.1", 6443), ("172.18.0.1", 6444), ("172.18.0.1", 6444), ("", 6444), ("", 6444)):
        pod_door.publish(client, address, port)
        found = client.list("endpointslices", "default")["items"]
        assert [s["ports"][0]["port"] for s in found] == ([port] if address else [])
    cluster.close()
