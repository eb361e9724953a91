"""The kubelet on sandboxed containers: volumes, users, refusals, as a user of a cluster sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.meta import condition_is
from minikctl.kubelet.agent import RUNTIME, kill_everything
from minikctl.runtime.sandbox import bwrap
from tests.kubelet.test_process_agent import Running, first, terminated, waiting
from tests.runtime.conftest import processes_of, until


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    refused = bwrap.probe(tmp_path / "probe")
    if refused:
        pytest.skip(f"no sandbox on this machine: {refused}")
    monkeypatch.setenv(RUNTIME, "sandbox")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_the_runtime_is_named(node: Running) -> None:
    node.create()
    assert first(node.ready())["containerID"].startswith("minikctl-sandbox://")
    info = node.client.get("nodes", "node-1")["status"]["nodeInfo"]
    assert info["containerRuntimeVersion"].startswith("minikctl-sandbox://")


def test_an_init_container_prepares_a_volume(node: Running) -> None:
    mounts = [{"name": "data", "mountPath": "/mnt"}]
    prepare = "mkdir /mnt/html; chown 33:33 /mnt/html; echo hello >/mnt/html/index"
    inits = [{"name": "i", "image": "alpine", "command": shell(prepare), "volumeMounts": mounts}]
    node.create(
        command=shell("cat /docs/html/index; sleep 600"),
        volumeMounts=[{"name": "data", "mountPath": "/docs"}],
        inits=inits,
        spec={"volumes": [{"name": "data", "emptyDir": {}}]},
    )
    node.ready()
    node.said("hello")
    assert not Path("/mnt/html").exists()


def test_a_pod_waits_for_its_config_map(node: Running) -> None:
    volumes = [{"name": "c", "configMap": {"name": "c"}}]
    node.create(
        command=shell("cat /etc/app/a; echo; sleep 600"),
        volumeMounts=[{"name": "c", "mountPath": "/etc/app"}],
        spec={"volumes": volumes},
    )
    node.wait(lambda p: waiting(p, "ContainerCreating"))
    failed = 'MountVolume.SetUp failed for volume "c" : configmap "c" not found'
    node.wait(lambda _: ("FailedMount", failed) in node.events())
    node.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "set"}}, "default")
    node.ready()
    node.said("set")


def test_a_target_that_cannot_be_shared_is_told(node: Running) -> None:
    """Here is no cluster network, whose pods could share their processes."""
    node.create()
    pod = node.ready()
    wanted = {"name": "debug", "image": "busybox", "targetContainerName": first(pod)["name"], "command": shell("ps")}
    change = {"spec": {"ephemeralContainers": [wanted]}}
    node.client.patch("pods", "web", change, "default", patch_type="strategic", subresource="ephemeralcontainers")
    text = "It does not see the processes of container app: without a cluster network containers share none"
    node.wait(lambda _: ("TargetIgnored", text) in node.events())


def test_run_as(node: Running) -> None:
    node.create("user", command=shell("id -u; sleep 600"), securityContext={"runAsUser": 1234})
    node.ready("user")
    node.said("1234", "user")
    node.create("root", securityContext={"runAsNonRoot": True})
    pod = node.wait(lambda p: waiting(p, "CreateContainerConfigError"), name="root")
    assert first(pod)["state"]["waiting"]["message"].startswith("container has runAsNonRoot and image will run as root")


def test_hosts_and_host_name(node: Running) -> None:
    node.create(command=shell("cat /etc/hostname; grep own /etc/hosts"), policy="Never", spec={"hostname": "own"})
    pod = node.wait(lambda p: bool(terminated(first(p))))
    node.said("own")
    assert terminated(first(pod))["exitCode"] == 0 and not condition_is(pod, "Ready")


def message(pod: dict) -> str:
    return terminated(first(pod)).get("message", "")


def test_termination_messages(node: Running) -> None:
    script = "echo said; printf 'why it ended' >/dev/termination-log; exit 1"
    fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    node.create("file", command=shell(script), policy="Never", **fallback)
    node.create("output", command=shell("echo one; echo two; exit 1"), policy="Never", **fallback)
    node.create("fine", command=shell("echo one; exit 0"), policy="Never", **fallback)
    node.create("own", command=shell("echo mine >/tmp/why"), policy="Never", terminationMessagePath="/tmp/why")
    expected = {"file": "why it ended", "output": "one\ntwo\n", "fine": "", "own": "mine\n"}
    for name, text in expected.items():
        assert message(node.wait(lambda p: bool(terminated(first(p))), name=name)) == text


def test_hooks(node: Running) -> None:
    lifecycle = {
        "postStart": {"exec": {"command": shell("sleep 0.3; echo started >/data/log")}},
        "preStop": {"exec": {"command": shell("echo stopping >>/data/log")}},
    }
    script = "trap 'echo term >>/data/log; cp /data/log /keep/log; exit 0' TERM; while :; do sleep 0.02; done"
    kept = node.root.parent / "kept"
    kept.mkdir()
    node.create(
        command=shell(script),
        lifecycle=lifecycle,
        volumeMounts=[{"name": "data", "mountPath": "/data"}, {"name": "keep", "mountPath": "/keep"}],
        spec={"volumes": [{"name": "data", "emptyDir": {}}, {"name": "keep", "hostPath": {"path": str(kept)}}]},
    )
    node.wait(lambda p: "running" in first(p)["state"] and not first(p)["ready"])  # postStart sleeps
    node.ready()
    node.client.delete("pods", "web", "default")
    until(lambda: node.pod() is None)
    assert (kept / "log").read_text() == "started\nstopping\nterm\n"


def test_a_failing_post_start_hook_ends_the_container(node: Running) -> None:
    node.create(policy="Never", lifecycle={"postStart": {"exec": {"command": ["false"]}}})
    node.wait(lambda p: bool(terminated(first(p))))
    reasons = [event for event in node.events() if event[0] in ("FailedPostStartHook", "Killing")]
    assert reasons == [("FailedPostStartHook", "PostStartHook failed"), ("Killing", "FailedPostStartHook")]


def test_a_pre_stop_hook_that_takes_too_long(node: Running) -> None:
    node.create(
        lifecycle={"preStop": {"exec": {"command": ["sleep", "100"]}}}, spec={"terminationGracePeriodSeconds": 1}
    )
    node.ready()
    node.client.delete("pods", "web", "default")
    until(lambda: node.pod() is None, seconds=8)
