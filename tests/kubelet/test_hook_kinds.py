"""Every kind of hook, on real processes: what comes first, what a failure does, what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet.agent import RUNTIME, kill_everything
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import processes_of, until

SERVER = {"image": "registry.k8s.io/e2e-test-images/agnhost:2.53", "command": ()}
WEB = {**SERVER, "args": ["netexec", "--http-port=8080"], "ports": [{"name": "web", "containerPort": 8080}]}
NOBODY = {"port": 4444, "path": "/"}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(RUNTIME, "process")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


FAILING = {
    "exec": {"exec": {"command": ["false"]}},
    "program": {"exec": {"command": ["no-such-program"]}},
    "http": {"httpGet": NOBODY},
    "port": {"httpGet": {"port": "nameless", "path": "/"}},
    "tcp": {"tcpSocket": {"port": 4444}},
}


def test_post_start_hooks_that_fail(node: Running) -> None:
    """The container is stopped, and the restart policy has the next word."""
    for name, hook in FAILING.items():
        quick = {"terminationGracePeriodSeconds": 0}
        node.create(name, lifecycle={"postStart": hook}, policy="Never", spec=quick)
    node.create("again", lifecycle={"postStart": FAILING["exec"]}, spec={"terminationGracePeriodSeconds": 0})
    for name in FAILING:
        pod = node.wait(lambda p: p["status"].get("phase") == "Failed", name=name, seconds=60)
        assert (terminated(first(pod)) or {})["exitCode"] == 137 and first(pod)["started"] is False
        found = [event for event in node.events(name) if event[0] in ("FailedPostStartHook", "Killing")]
        assert found == [("FailedPostStartHook", "PostStartHook failed"), ("Killing", "FailedPostStartHook")]
    node.wait(lambda p: first(p)["restartCount"] >= 1, name="again", seconds=60)


def test_post_start_hooks_hold_back_readiness(node: Running, tmp_path: Path) -> None:
    go = tmp_path / "go"
    hooks: dict[str, Obj] = {
        "exec": {"exec": {"command": shell(f"until [ -e {go} ]; do sleep 0.05; done")}},
        "sleep": {"sleep": {"seconds": 2}},
    }
    for name, hook in hooks.items():
        node.create(name, lifecycle={"postStart": hook})
    for name in hooks:
        pod = node.wait(lambda p: "running" in first(p)["state"], name=name, seconds=60)
        assert first(pod)["started"] is False and not first(pod)["ready"]
    began = node.kubelet.clock.now()
    node.ready("sleep")
    assert (node.kubelet.clock.now() - began).total_seconds() >= 0.5
    assert not first(node.pod("exec"))["ready"]
    go.touch()
    node.ready("exec")
    assert not [reason for name in hooks for reason, _ in node.events(name) if "Hook" in reason]


def test_http_hooks(node: Running) -> None:
    """postStart may come before the server does, so it asks one that is there already. The answer's status is not
    looked at."""
    node.create("server", **WEB)
    node.wait(lambda p: p["status"].get("podIP"), name="server", seconds=60)
    ip = node.pod("server")["status"]["podIP"]
    asked = {"httpGet": {"host": ip, "port": 8080, "path": "/no-such-page"}}
    ready = {"httpGet": {"port": "web", "path": "/"}, "periodSeconds": 1, "failureThreshold": 60}
    server = {"httpGet": {"host": ip, "port": 8080, "path": "/"}, "periodSeconds": 1, "failureThreshold": 60}
    node.create("late", readinessProbe=server)
    node.ready("late")
    hooks = {"postStart": asked, "preStop": {"httpGet": {"port": "web", "path": "/hostname"}}}
    node.create("web", **WEB, readinessProbe=ready, lifecycle=hooks, spec={"terminationGracePeriodSeconds": 3})
    node.ready("web")
    assert "FailedPostStartHook" not in dict(node.events("web"))
    node.client.delete("pods", "web", "default")
    until(lambda: node.pod("web") is None, "it has ended", 60)
    assert "FailedPreStopHook" not in dict(node.events("web"))


def test_pre_stop_hooks_that_fail(node: Running) -> None:
    """The container is stopped all the same, and nobody waits for what cannot come."""
    for name, hook in FAILING.items():
        script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done"
        spec = {"terminationGracePeriodSeconds": 60}
        node.create(name, command=shell(script), lifecycle={"preStop": hook}, spec=spec)
    for name in FAILING:
        node.ready(name)
        node.said("up", name)
        node.client.delete("pods", name, "default")
    for name in FAILING:
        until(lambda n=name: node.pod(n) is None, f"{name} has ended", 60)  # type: ignore[misc]
        assert ("FailedPreStopHook", "PreStopHook failed") in node.events(name)


def test_pre_stop_comes_before_the_signal(node: Running, tmp_path: Path) -> None:
    """Also where a probe ends the container; not where it ends by itself."""
    log = tmp_path / "log"
    hook = {"preStop": {"exec": {"command": shell(f"echo hook >>{log}")}}}
    script = f"trap 'echo signal >>{log}; exit 0' TERM; touch {log}; while :; do sleep 0.02; done"
    flag = tmp_path / "sick"
    probe = {"exec": {"command": ["test", "!", "-e", str(flag)]}, "periodSeconds": 1, "failureThreshold": 1}
    node.create(command=shell(script), lifecycle=hook, livenessProbe=probe)
    until(log.exists, "it is up", 60)
    flag.touch()
    node.wait(lambda p: bool(first(p)["restartCount"]), seconds=60)
    flag.unlink()
    assert log.read_text().splitlines()[:2] == ["hook", "signal"]
    other = tmp_path / "other"
    hook = {"preStop": {"exec": {"command": shell(f"echo hook >>{other}")}}}
    node.create("own", command=["true"], lifecycle=hook, policy="Never")
    node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="own", seconds=60)
    assert not other.exists()
