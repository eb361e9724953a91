"""The kubelet on real processes: what a user sees of pods that run, crash, are refused, probed and deleted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from minikctl.api.meta import condition_is
from minikctl.client import DeleteOptions
from minikctl.kubelet.agent import RUNTIME, Agent, kill_everything, make_agent
from minikctl.kubelet.node import NodeConfig
from tests.runtime.conftest import processes_of, until
from tests.support.cluster import TestCluster


class Running:
    """A cluster with one real node, in this process."""

    def __init__(self, root: Path):
        self.root = root
        self.cluster = TestCluster(root, live=True)
        self.client = self.cluster.client
        self.agent: Agent = self.new_agent()

    def new_agent(self) -> Agent:
        agent = make_agent(self.client, self.root, [NodeConfig("node-1", 1)], simulated=False)
        agent.start()
        return agent

    def restart(self) -> None:
        self.agent.stop()
        self.agent = self.new_agent()

    @property
    def kubelet(self):
        return self.agent.kubelets["node-1"]

    def create(
        self, name="web", image="busybox", command=("sleep", "600"), policy="Always", inits=(), spec=None, **more
    ):
        container = {"name": "app", "image": image, "command": list(command), "imagePullPolicy": "IfNotPresent", **more}
        body = {
            "nodeName": "node-1",
            "containers": [container],
            "restartPolicy": policy,
            "terminationGracePeriodSeconds": 2,
            "automountServiceAccountToken": False,
            **(spec or {}),
        }
        if inits:
            body["initContainers"] = list(inits)
        return self.client.create("pods", {"metadata": {"name": name}, "spec": body}, "default")

    def pod(self, name="web"):
        return next((p for p in self.client.list("pods", "default")["items"] if p["metadata"]["name"] == name), None)

    def wait(self, condition, what="", name="web", seconds=60.0):
        """The pod, as soon as the condition holds for it."""

        def check():
            pod = self.pod(name)
            return pod if pod is not None and condition(pod) else None

        return until(check, what or f"{name}: {(self.pod(name) or {}).get('status')}", seconds)

    def ready(self, name="web"):
        return self.wait(lambda p: condition_is(p, "Ready"), "Ready", name)

    def container(self, name="web"):
        return (self.pod(name).get("status", {}).get("containerStatuses") or [{}])[0]

    def said(self, text, name="web"):
        """Wait until a container of the pod has put this out."""
        folder = self.kubelet.runtime.pod_folder(self.pod(name)["metadata"]["uid"]) / "logs"
        until(lambda: any(text in log.read_text() for log in folder.rglob("*.log")), f"{name} says {text}")

    def events(self, name="web"):
        self.kubelet.recorder.flush()
        found = [e for e in self.client.list("events", "default")["items"] if e["involvedObject"]["name"] == name]
        return [(e["reason"], e["message"]) for e in sorted(found, key=lambda e: e["metadata"]["name"])]


@pytest.fixture(autouse=True)
def plain_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests are about; those of sandboxes are in test_sandbox_agent.py."""
    monkeypatch.setenv(RUNTIME, "process")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def first(pod):
    """The status of the pod's first container; all zero as long as there is none."""
    nothing = {"state": {}, "lastState": {}, "restartCount": 0}
    return (pod.get("status", {}).get("containerStatuses") or [nothing])[0]


def waiting(pod, reason):
    return first(pod)["state"].get("waiting", {}).get("reason") == reason


def terminated(status):
    return status.get("state", {}).get("terminated")


def test_a_pod_runs(node):
    node.create()
    pod = node.ready()
    assert pod["status"]["podIP"].startswith("127.")
    assert pod["status"]["containerStatuses"][0]["containerID"].startswith("minikctl-process://")
    assert pod["status"]["containerStatuses"][0]["imageID"].startswith("docker.io/library/busybox@sha256:")
    assert node.events() == [
        ("Pulling", 'Pulling image "busybox"'),
        ("Pulled", node.events()[1][1]),
        ("Created", "Container created"),
        ("Started", "Container started"),
    ]
    assert node.events()[1][1].startswith('Successfully pulled image "busybox" in ')
    info = node.client.get("nodes", "node-1")["status"]
    assert info["nodeInfo"]["containerRuntimeVersion"].startswith("minikctl-process://")
    isolation = next(c for c in info["conditions"] if c["type"] == "ContainersIsolated")
    assert isolation["status"] == "False" and "plain processes" in isolation["message"]
    policy = next(c for c in info["conditions"] if c["type"] == "NetworkPolicyEnforced")
    assert policy["status"] == "False" and "no NetworkPolicy is enforced" in policy["message"]


def test_a_killed_container_is_started_again(node):
    node.create()
    node.ready()
    state = node.kubelet.runtime.pod_state(node.pod()["metadata"]["uid"])
    folder = node.kubelet.runtime._folder.container(state.uid, "app", 0)
    os.kill(until(lambda: folder.process("main")).pid, signal.SIGKILL)
    pod = node.wait(lambda p: first(p)["restartCount"] == 1 and condition_is(p, "Ready"))
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")


def test_crash_loop(node):
    node.create(command=["sh", "-c", "echo failing; exit 3"])
    pod = node.wait(lambda p: waiting(p, "CrashLoopBackOff"))
    uid, (status,) = pod["metadata"]["uid"], pod["status"]["containerStatuses"]
    where = f"web_default({uid})"
    assert status["state"]["waiting"]["message"] == f"back-off 10s restarting failed container=app pod={where}"
    assert status["lastState"]["terminated"]["exitCode"] == 3 and status["restartCount"] == 1
    assert pod["status"]["phase"] == "Running"
    assert ("BackOff", f"Back-off restarting failed container app in pod {where}") in node.events()
    time.sleep(0.1)
    assert node.container()["restartCount"] == 1


@pytest.mark.parametrize(
    ("policy", "code", "phase", "reason"),
    [
        ("Never", 0, "Succeeded", "Completed"),
        ("Never", 2, "Failed", "Error"),
        ("OnFailure", 0, "Succeeded", "Completed"),
    ],
)
def test_pods_that_end(node, policy, code, phase, reason):
    node.create(command=["sh", "-c", f"exit {code}"], policy=policy)
    pod = node.wait(lambda p: p["status"].get("phase") == phase)
    ended = terminated(pod["status"]["containerStatuses"][0])
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    until(lambda: node.kubelet.runtime.pod_state(pod["metadata"]["uid"]).sandbox.state == "NOTREADY")


def test_init_containers_in_order(node, tmp_path):
    trace = tmp_path / "trace"
    inits = [{"name": f"i{n}", "image": "busybox", "command": ["sh", "-c", f"echo {n} >>{trace}"]} for n in (1, 2, 3)]
    node.create(command=["sh", "-c", f"echo main >>{trace}; sleep 600"], inits=inits)
    pod = node.ready()
    until(lambda: trace.read_text() == "1\n2\n3\nmain\n")
    assert [s["state"]["terminated"]["reason"] for s in pod["status"]["initContainerStatuses"]] == ["Completed"] * 3


def test_a_failing_init_container(node):
    inits = [{"name": "i", "image": "busybox", "command": ["sh", "-c", "exit 1"]}]
    node.create(inits=inits, policy="Never")
    pod = node.wait(lambda p: p["status"].get("phase") == "Failed")
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1


def test_an_image_that_does_not_exist(node):
    node.create(image="nginx:1.161")
    pod = node.wait(lambda p: waiting(p, "ErrImagePull"))
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert "docker.io/library/nginx:1.161: not found" in message and "minikctl image pull nginx:1.161" in message
    assert pod["status"]["phase"] == "Pending"
    node.wait(lambda p: waiting(p, "ImagePullBackOff"))
    reasons = [(r, m) for r, m in node.events() if r != "Failed"]
    assert reasons == [("Pulling", 'Pulling image "nginx:1.161"'), ("BackOff", 'Back-off pulling image "nginx:1.161"')]
    fixed = node.pod()
    fixed["spec"]["containers"][0]["image"] = "busybox"
    node.client.update("pods", {k: v for k, v in fixed.items() if k != "status"})
    node.ready()


def test_runtime_classes(node):
    for title, handler in (("plain", "runc"), ("gvisor", "runsc")):
        node.client.create("runtimeclasses.node.k8s.io", {"metadata": {"name": title}, "handler": handler})
        node.create(title, spec={"runtimeClassName": title})
    node.ready("plain")
    failed = 'Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "runsc" is configured'
    node.wait(lambda _: ("FailedCreatePodSandBox", failed) in node.events("gvisor"), name="gvisor")
    assert waiting(node.pod("gvisor"), "ContainerCreating")


def test_a_program_that_does_not_exist(node):
    node.create(command=["nosuch"])
    pod = node.wait(lambda p: waiting(p, "RunContainerError"))
    assert "executable file not found in $PATH" in pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    node.wait(lambda p: first(p)["lastState"].get("terminated", {}).get("reason") == "StartError")


def test_a_config_map_that_is_missing(node):
    node.create(envFrom=[{"configMapRef": {"name": "settings"}}])
    pod = node.wait(lambda p: waiting(p, "CreateContainerConfigError"))
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] == 'configmap "settings" not found'
    node.client.create("configmaps", {"metadata": {"name": "settings"}, "data": {"A": "1"}}, "default")
    node.ready()


def test_deletion(node):
    node.create(command=["sh", "-c", "trap 'exit 0' TERM; echo go; while :; do sleep 0.01; done"])
    pod = node.ready()
    node.said("go")
    folder = node.kubelet.runtime.pod_folder(pod["metadata"]["uid"])
    node.client.delete("pods", "web", "default")
    until(lambda: node.pod() is None)
    until(lambda: not folder.exists() and not node.kubelet.records)
    assert ("Killing", "Stopping container app") in node.events()


def test_deletion_of_one_that_does_not_listen(node):
    node.create(command=["sh", "-c", "trap '' TERM; echo go; while :; do sleep 0.05; done"])
    node.ready()
    node.said("go")
    begun = time.monotonic()
    node.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=1))
    assert node.pod()["metadata"]["deletionTimestamp"]
    until(lambda: node.pod() is None)
    assert time.monotonic() - begun >= 1


def test_forced_deletion(node):
    node.create()
    node.ready()
    node.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
    assert node.pod() is None
    until(lambda: not node.kubelet.records and not processes_of(node.root))


def test_deleted_while_no_agent_ran(node):
    node.create()
    node.ready()
    node.agent.stop()
    node.client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
    node.agent = node.new_agent()
    until(lambda: not processes_of(node.root) and not node.kubelet.runtime.pod_uids())


def test_a_new_agent_adopts(node):
    node.create("kept")
    node.create("crashed", command=["sh", "-c", "sleep 0.5; exit 7"], policy="Never")
    kept = node.ready("kept")
    node.ready("crashed")
    node.agent.stop()
    time.sleep(0.6)
    node.agent = node.new_agent()
    pod = node.wait(lambda p: p["status"]["phase"] == "Failed", name="crashed")
    assert terminated(pod["status"]["containerStatuses"][0])["exitCode"] == 7
    until(lambda: node.agent.queue.idle)
    assert node.pod("kept")["status"] == kept["status"]


def test_after_everything_was_killed(node):
    node.create()
    before = node.ready()
    node.agent.stop()
    kill_everything(node.root)
    node.agent = node.new_agent()
    pod = node.wait(lambda p: first(p)["restartCount"] == 1 and condition_is(p, "Ready"))
    assert pod["metadata"]["uid"] == before["metadata"]["uid"]
    assert ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.") in node.events()


def test_the_image_of_a_running_pod_changes(node):
    node.create(image="busybox:1.35")
    pod = node.ready()
    pod["spec"]["containers"][0]["image"] = "busybox:1.36"
    node.client.update("pods", {k: v for k, v in pod.items() if k != "status"})
    pod = node.wait(lambda p: first(p)["restartCount"] == 1 and condition_is(p, "Ready"), seconds=15)
    assert pod["status"]["containerStatuses"][0]["image"].endswith("busybox:1.36")
    assert ("Killing", "Container app definition changed, will be restarted") in node.events()


def test_active_deadline(node):
    node.create(spec={"activeDeadlineSeconds": 1})
    pod = node.wait(lambda p: p["status"].get("phase") == "Failed")
    assert pod["status"]["reason"] == "DeadlineExceeded"
    until(lambda: not processes_of(node.root))


def test_sidecars(node):
    side = {"name": "side", "image": "busybox", "command": ["sleep", "600"], "restartPolicy": "Always"}
    node.create(command=["sh", "-c", "sleep 0.2"], inits=[side], policy="Never")
    pod = node.wait(lambda p: p["status"].get("phase") == "Succeeded")
    assert terminated(pod["status"]["initContainerStatuses"][0])
    until(lambda: not processes_of(node.root))


# ---------------------------------------------------------------------- probes


def test_readiness_by_a_command(node, tmp_path):
    flag = tmp_path / "flag"
    probe = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1}
    node.create(readinessProbe=probe)
    pod = node.wait(lambda p: p["status"].get("phase") == "Running")
    assert not condition_is(pod, "Ready")
    until(lambda: any(r == "Unhealthy" for r, _ in node.events()))
    flag.touch()
    node.ready()
    flag.unlink()
    node.wait(lambda p: not condition_is(p, "Ready"), seconds=15)
    assert node.container()["restartCount"] == 0


def test_liveness_by_a_command(node, tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    probe = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1, "failureThreshold": 1}
    node.create(livenessProbe=probe)
    node.ready()
    flag.unlink()
    node.wait(lambda p: first(p)["restartCount"] >= 1, seconds=15)
    assert ("Killing", "Container app failed liveness probe, will be restarted") in node.events()


def test_startup_holds_back_the_others(node, tmp_path):
    flag = tmp_path / "flag"
    startup = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1, "failureThreshold": 30}
    node.create(startupProbe=startup, readinessProbe={"exec": {"command": ["true"]}, "periodSeconds": 1})
    node.wait(lambda p: "running" in first(p)["state"])
    assert node.container()["started"] is False
    flag.touch()
    node.ready()
    assert node.container()["started"] is True


def test_http_and_tcp(node):
    try:
        with socket.socket() as s:
            s.bind(("127.250.250.249", 80))
    except PermissionError:
        pytest.skip("this user may not bind ports below 1024")
    http = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1}
    missing = {"httpGet": {"path": "/missing", "port": 80}, "periodSeconds": 1}
    for name, probe in (("good", http), ("tcp", {"tcpSocket": {"port": 80}, "periodSeconds": 1}), ("bad", missing)):
        node.create(
            name, image="nginx:1.25", command=[], readinessProbe=probe, ports=[{"name": "web", "containerPort": 80}]
        )
    node.ready("good")
    node.ready("tcp")
    until(lambda: ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404") in node.events("bad"))
    assert not condition_is(node.pod("bad"), "Ready")


def test_a_probe_that_nobody_answers(node):
    node.create(readinessProbe={"tcpSocket": {"port": 4444}, "periodSeconds": 1})
    node.wait(lambda p: p["status"].get("podIP"))
    ip = node.pod()["status"]["podIP"]
    text = f"Readiness probe failed: dial tcp {ip}:4444: connect: connection refused"
    until(lambda: ("Unhealthy", text) in node.events())


# ---------------------------------------------------------------------- the agent as a process


def test_the_agent_is_killed(tmp_path):
    """kill -9 of the agent's process; the next one adopts. Nothing is doubled, and nothing lost but output that the killed one
    had read and not yet written (so it is with containerd, too)."""
    root = tmp_path / "state"
    cluster = TestCluster(root)
    script = (
        "import sys\n"
        "from minikctl.kubelet.agent import run_agent\n"
        "from minikctl.kubelet.node import NodeConfig\n"
        "sys.exit(run_agent(sys.argv[1], [NodeConfig('node-1', 1)]))\n"
    )

    def agent():
        return subprocess.Popen([sys.executable, "-c", script, str(root)])

    def find(name):
        return cluster.client.get("pods", name, "default")

    def make(name, command, policy):
        container = {"name": "app", "image": "busybox", "command": command}
        spec = {"nodeName": "node-1", "containers": [container], "restartPolicy": policy}
        spec["automountServiceAccountToken"] = False
        cluster.client.create("pods", {"metadata": {"name": name}, "spec": spec}, "default")

    first = agent()
    second = None
    try:
        make("lives", ["sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done"], "Always")
        make("ends", ["sh", "-c", "sleep 0.8; exit 9"], "Never")
        for name in ("lives", "ends"):
            until(lambda: condition_is(find(name), "Ready"), name)  # noqa: B023
        before = find("lives")["status"]
        first.kill()
        first.wait()
        time.sleep(1)
        second = agent()
        until(lambda: find("ends")["status"]["phase"] == "Failed", "the exit code is found")
        assert find("ends")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 9
        assert find("lives")["status"] == before
        log = next((root / "pods" / find("lives")["metadata"]["uid"] / "logs").rglob("*.log"))
        until(lambda: len(log.read_text().splitlines()) > 120)
        numbers = [int(line.split()[-1]) for line in log.read_text().splitlines()]
        gaps = [b - a - 1 for a, b in pairwise(numbers) if b != a + 1]
        assert sum(g > 0 for g in gaps) <= 1 and min(gaps, default=0) >= 0
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0
        assert processes_of(root), "containers run on"
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
        kill_everything(root)
        cluster.close()
    assert processes_of(root) == []
