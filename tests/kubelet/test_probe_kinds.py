"""Every kind of probe by every sort of question, on real processes: what passing and failing each mean, and when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import pytest

from minikctl.api.meta import Obj, condition_is, find_condition
from minikctl.kubelet import probes
from minikctl.kubelet.agent import RUNTIME, kill_everything
from tests.kubelet.test_process_agent import Running, first
from tests.runtime.conftest import processes_of, until

KINDS = ("startup", "liveness", "readiness")
NOBODY = 4444
"""A port on which nothing listens."""
REFUSED = f":{NOBODY}: connect: connection refused"
FAILING: dict[str, tuple[Obj, str]] = {
    "http": ({"httpGet": {"port": NOBODY, "path": "/x"}}, REFUSED),
    "tcp": ({"tcpSocket": {"port": NOBODY}}, REFUSED),
    "grpc": ({"grpc": {"port": NOBODY}}, "timeout: failed to connect service"),
    "exec": ({"exec": {"command": ["sh", "-c", "echo not well; false"]}}, "not well"),
}
PASSING: dict[str, tuple[Obj, Obj]] = {
    "http": (
        {"httpGet": {"port": "web", "path": "/healthz"}},
        {"args": ["netexec", "--http-port=8080"], "ports": [{"name": "web", "containerPort": 8080}]},
    ),
    "tcp": ({"tcpSocket": {"port": 8080}}, {"args": ["netexec", "--http-port=8080"]}),
    "grpc": (
        {"grpc": {"port": 5000, "service": "fine"}},
        {"args": ["grpc-health-checking", "--port=5000", "--http-port=8088", "--service=fine"]},
    ),
    "exec": ({"exec": {"command": ["true"]}}, {"args": ["pause"]}),
}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(RUNTIME, "process")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def test_probes_that_fail(node: Running) -> None:
    for sort, kind in product(FAILING, KINDS):
        probe = {**FAILING[sort][0], "periodSeconds": 1, "failureThreshold": 2}
        node.create(f"{sort}-{kind}", **{f"{kind}Probe": probe}, spec={"terminationGracePeriodSeconds": 0})
    for sort, kind in product(FAILING, KINDS):
        name = f"{sort}-{kind}"
        if kind == "readiness":
            until(lambda n=name: "Unhealthy" in dict(node.events(n)), f"{name} is probed", 60)  # type: ignore[misc]
            status = node.pod(name)["status"]
            assert status["phase"] == "Running" and first(node.pod(name))["started"] is True
            assert first(node.pod(name))["restartCount"] == 0
            ready = find_condition(status["conditions"], "Ready") or {}
            assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
            assert ready["message"] == "containers with unready status: [app]"
        else:
            pod = node.wait(lambda p: first(p)["restartCount"] >= 1, name=name, seconds=60)
            assert first(pod)["lastState"]["terminated"]["exitCode"] == 137
            assert ("Killing", f"Container app failed {kind} probe, will be restarted") in node.events(name)
        said = [text for reason, text in node.events(name) if reason == "Unhealthy"]
        assert said and said[0].startswith(f"{kind.capitalize()} probe failed: ") and FAILING[sort][1] in said[0]


def test_a_startup_probe_that_fails_and_no_restart(node: Running) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    node.create(startupProbe=probe, policy="Never", spec={"terminationGracePeriodSeconds": 0})
    pod = node.wait(lambda p: p["status"].get("phase") == "Failed", seconds=60)
    assert first(pod)["started"] is False and first(pod)["restartCount"] == 0
    assert ("Killing", "Container app failed startup probe") in node.events()


def test_probes_that_pass(node: Running) -> None:
    for sort, (asked, server) in PASSING.items():
        wanted = {f"{kind}Probe": {**asked, "periodSeconds": 1, "failureThreshold": 60} for kind in KINDS}
        node.create(sort, image="registry.k8s.io/e2e-test-images/agnhost:2.53", command=(), **server, **wanted)
    for sort in PASSING:
        pod = node.wait(lambda p: condition_is(p, "Ready"), name=sort, seconds=60)
        assert first(pod)["started"] is True and first(pod)["restartCount"] == 0


def test_a_failure_right_after_the_start_is_none(
    node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program listens in its first moment: it is not told of, nothing is killed for it, and nobody waits a period."""
    monkeypatch.setattr(probes, "EARLY", 60.0)
    flag = tmp_path / "listens"
    asked: Obj = {"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 3600, "failureThreshold": 1}
    node.create(livenessProbe=asked, readinessProbe=asked, command=["sh", "-c", f"sleep 0.5; touch {flag}; sleep 600"])
    pod = node.wait(lambda p: condition_is(p, "Ready"), seconds=60)
    assert first(pod)["restartCount"] == 0
    assert "Unhealthy" not in [reason for reason, _ in node.events()]


def noting(file: Path, kind: str) -> Obj:
    return {"exec": {"command": ["sh", "-c", f"echo {kind} $(date +%s.%N) >>{file}"]}}


def test_when_they_ask(node: Running, tmp_path: Path) -> None:
    """The delay is counted from the container's start; the others wait for the startup probe, which then ends."""
    file = tmp_path / "asked"
    node.create(
        startupProbe={**noting(file, "startup"), "initialDelaySeconds": 1, "periodSeconds": 1},
        readinessProbe={**noting(file, "readiness"), "periodSeconds": 1},
        livenessProbe={**noting(file, "liveness"), "initialDelaySeconds": 3, "periodSeconds": 2},
    )

    def asked() -> list[tuple[str, float]]:
        lines = file.read_text().splitlines() if file.exists() else []
        return [(kind, float(up)) for kind, up in (line.split() for line in lines)]

    def times(kind: str) -> list[float]:
        return [up for k, up in asked() if k == kind]

    until(lambda: len(times("liveness")) >= 2, "the liveness probe asks twice", 60)
    run = node.kubelet.runtime.pod_state(node.pod()["metadata"]["uid"]).newest("app")
    began = run.started_at.timestamp()
    assert [kind for kind, _ in asked()][:2] == ["startup", "readiness"]
    assert len(times("startup")) == 1 and times("startup")[0] - began >= 0.95
    assert times("liveness")[0] - began >= 2.95
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(times("readiness")))
    assert all(later - earlier >= 1.9 for earlier, later in pairwise(times("liveness")))


def test_a_liveness_probe_goes_on_asking_after_a_restart(node: Running, tmp_path: Path) -> None:
    """It fails for the first run only."""
    flag = tmp_path / "second"
    probe: Obj = {"exec": {"command": ["test", "-e", str(flag)]}, "initialDelaySeconds": 1, "periodSeconds": 1}
    probe["failureThreshold"] = 1
    node.create(livenessProbe=probe, readinessProbe=probe, spec={"terminationGracePeriodSeconds": 0})
    node.wait(lambda p: first(p)["restartCount"] == 1, seconds=60)
    flag.touch()
    pod = node.wait(lambda p: condition_is(p, "Ready"), seconds=60)
    assert first(pod)["restartCount"] <= 2
