"""The whole kubelet on the simulated runtime, against the API of a test's own."""

from __future__ import annotations

import time

import pytest

from minikctl.api.meta import condition_is
from minikctl.client import DeleteOptions
from minikctl.kubelet.agent import make_agent
from minikctl.kubelet.node import NodeConfig
from tests.support.cluster import TestCluster


@pytest.fixture
def live(tmp_path):
    made = TestCluster(tmp_path / "state", live=True)
    yield made
    made.close()


@pytest.fixture
def agent(live, tmp_path):
    nodes = [NodeConfig(f"node-{i}", i) for i in (1, 2)]
    made = make_agent(live.client, tmp_path / "state", nodes, simulated=True)
    made.start()
    yield made
    made.stop()


def until(condition, what="", seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.005)
    return found


def create(cluster, name, node="node-1", **spec):
    containers = [{"name": "app", "image": "whatever/it:is"}]
    body = {"metadata": {"name": name}, "spec": {"nodeName": node, "containers": containers, **spec}}
    return cluster.client.create("pods", body, "default")


def fetch(cluster, name):
    return next((p for p in cluster.client.list("pods", "default")["items"] if p["metadata"]["name"] == name), None)


def test_nodes_register(live, agent):
    node = live.client.get("nodes", "node-2")
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "node-2"
    assert node["spec"]["podCIDR"] == "10.244.2.0/24"
    assert condition_is(node, "Ready")
    assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.36.")
    lease = live.client.get("leases", "node-2", "kube-node-lease")
    assert lease["spec"]["holderIdentity"] == "node-2"
    assert lease["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]


def test_pods_run_at_once(live, agent):
    init = {"name": "first", "image": "busybox", "command": ["false"]}
    create(live, "plain")
    create(live, "inits", "node-2", initContainers=[init])
    create(live, "elsewhere", "node-9")
    for name in ("plain", "inits"):
        pod = until(lambda: (p := fetch(live, name)) and condition_is(p, "Ready") and p, name)  # noqa: B023
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["podIP"].startswith("10.244.")
    assert fetch(live, "elsewhere")["status"].get("phase", "Pending") == "Pending"
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_deletion(live, agent):
    create(live, "web")
    until(lambda: condition_is(fetch(live, "web"), "Ready"))
    live.client.delete("pods", "web", "default")
    until(lambda: fetch(live, "web") is None, "gracefully")
    create(live, "web")
    until(lambda: condition_is(fetch(live, "web"), "Ready"))
    live.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
    until(lambda: not agent.kubelets["node-1"].records, "forced")
    until(lambda: not agent.kubelets["node-1"].runtime.pod_uids())


def test_a_new_agent_changes_nothing(live, agent, tmp_path):
    create(live, "web")
    before = until(lambda: (p := fetch(live, "web")) and condition_is(p, "Ready") and p)
    agent.stop()
    again = make_agent(live.client, tmp_path / "state", [NodeConfig("node-1", 1)], simulated=True)
    again.start()
    try:
        until(lambda: again.kubelets["node-1"].records and again.queue.idle)
        assert fetch(live, "web")["status"] == before["status"]
        create(live, "next")
        pod = until(lambda: (p := fetch(live, "next")) and condition_is(p, "Ready") and p)
        assert pod["status"]["podIP"] != before["status"]["podIP"]
    finally:
        again.stop()


def test_at_rest_nothing_is_written(live, agent):
    create(live, "web")
    until(lambda: condition_is(fetch(live, "web"), "Ready"))
    until(lambda: agent.queue.idle)
    agent.kubelets["node-1"].recorder.flush()
    version = live.store.current_rv()
    for pod_uid in list(agent.kubelets["node-1"].records):
        agent.queue.add(f"node-1/{pod_uid}")
    until(lambda: agent.queue.idle)
    assert live.store.current_rv() == version


def test_the_writer_and_the_cause_are_in_the_journal(live, agent):
    created = create(live, "web")
    until(lambda: condition_is(fetch(live, "web"), "Ready"))
    text = b"".join(p.read_bytes() for p in sorted((live.root / "journal").iterdir()))
    line = next(x for x in text.splitlines() if b"kubelet/node-1" in x and b'"pods/' in x)
    assert b'"because":' + created["metadata"]["resourceVersion"].encode() in line


def resources(cpu):
    return {"name": "app", "resources": {"requests": {"cpu": cpu}}}


def shown(cluster, name):
    [status] = fetch(cluster, name)["status"]["containerStatuses"]
    return status.get("resources", {}).get("requests", {}).get("cpu"), status["restartCount"]


def told(cluster, word):
    events = cluster.client.list("events", "default")["items"]
    return [(e["reason"], e["type"]) for e in events for _ in range(e.get("count") or 1) if word in e["reason"]]


def conditions(cluster, name):
    return {c["type"] for c in fetch(cluster, name)["status"]["conditions"]}


def pending(cluster, name):
    found = fetch(cluster, name)["status"]["conditions"]
    return next((c["reason"] for c in found if c["type"] == "PodResizePending"), "")


def test_a_pod_is_resized_while_it_runs(live, agent):
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    app = {
        "name": "app",
        "image": "x",
        "resizePolicy": policy,
        "resources": {"requests": {"cpu": "1", "memory": "1Mi"}},
    }
    create(live, "web", containers=[app])
    until(lambda: condition_is(fetch(live, "web"), "Ready"))

    def resize(container):
        live.client.patch(
            "pods",
            "web",
            {"spec": {"containers": [container]}},
            "default",
            patch_type="strategic",
            subresource="resize",
        )

    resize(resources("2"))
    until(lambda: shown(live, "web") == ("2", 0), "granted")
    resize(resources("100000"))
    until(lambda: pending(live, "web") == "Infeasible")
    assert shown(live, "web") == ("2", 0)
    resize(resources("3"))
    until(lambda: shown(live, "web") == ("3", 0) and not pending(live, "web"))
    resize({"name": "app", "resources": {"requests": {"memory": "2Mi"}}})
    until(lambda: shown(live, "web") == ("3", 1), "restarted for more memory")
    until(lambda: not {"PodResizePending", "PodResizeInProgress"} & conditions(live, "web"))
    expected = [
        *[("ResizeCompleted", "Normal")] * 3,
        ("ResizeInfeasible", "Warning"),
        *[("ResizeStarted", "Normal")] * 3,
    ]
    until(lambda: sorted(told(live, "Resize")) == expected, "events")


def test_an_ephemeral_container_runs_beside_the_others(live, agent):
    create(live, "web")
    until(lambda: condition_is(fetch(live, "web"), "Ready"))
    wanted = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}}
    live.client.patch("pods", "web", wanted, "default", patch_type="strategic", subresource="ephemeralcontainers")
    statuses = until(lambda: fetch(live, "web")["status"].get("ephemeralContainerStatuses"))
    until(lambda: "running" in fetch(live, "web")["status"]["ephemeralContainerStatuses"][0]["state"])
    assert statuses[0]["name"] == "debug"
    assert condition_is(fetch(live, "web"), "Ready")


def test_a_pod_that_claims_devices_waits(live, agent):
    create(live, "gpu", resourceClaims=[{"name": "gpu", "resourceClaimName": "mine"}])
    events = lambda: [e["reason"] for e in live.client.list("events", "default")["items"]]  # noqa: E731
    until(lambda: "FailedPrepareDynamicResources" in events())
    assert fetch(live, "gpu")["status"]["phase"] == "Pending"


def test_a_node_that_was_given_up_says_that_it_is_there(live, agent):
    kubelet = agent.kubelets["node-1"]
    node = live.client.get("nodes", "node-1")
    gone = [{**c, "status": "Unknown"} for c in node["status"]["conditions"]]
    live.client.update("nodes", {**node, "status": {**node["status"], "conditions": gone}}, subresource="status")
    kubelet.node._beaten -= 60  # this process was stopped meanwhile
    kubelet.heartbeat()
    assert condition_is(live.client.get("nodes", "node-1"), "Ready")


def test_a_pod_that_the_node_has_no_room_for_fails(live, agent):
    """Bound by hand, so that the scheduler had no say. Once room is free, the next one is taken."""
    cores = int(live.client.get("nodes", "node-1")["status"]["allocatable"]["cpu"])
    asks = [{"name": "app", "image": "x", "resources": {"requests": {"cpu": str(cores)}}}]
    create(live, "first", containers=asks)
    until(lambda: condition_is(fetch(live, "first"), "Ready"))
    create(live, "second", containers=asks)
    create(live, "astray", nodeSelector={"disk": "ssd"})
    failed = until(lambda: (p := fetch(live, "second"))["status"].get("phase") == "Failed" and p)
    assert failed["status"]["reason"] == "OutOfcpu"
    taken = cores * 1000
    why = f"Node didn't have enough resource: cpu, requested: {taken}, used: {taken}, capacity: {taken}"
    assert failed["status"]["message"] == f"Pod was rejected: {why}"
    until(lambda: fetch(live, "astray")["status"].get("reason") == "NodeAffinity")
    events = until(lambda: [e for e in live.client.list("events", "default")["items"] if e["reason"] == "OutOfcpu"])
    assert events[0]["message"] == why and events[0]["type"] == "Warning"
    live.client.patch("nodes", "node-1", {"metadata": {"labels": {"disk": "ssd"}}})
    live.client.delete("pods", "first", "default", options=DeleteOptions(grace_period=0))
    until(lambda: fetch(live, "first") is None)
    create(live, "third", containers=asks, nodeSelector={"disk": "ssd"})
    until(lambda: condition_is(fetch(live, "third"), "Ready"))
