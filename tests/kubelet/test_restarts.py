"""Restart policies, rules and reasons of real containers, and the order in which they start and stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.api.meta import Obj, condition_is, find_condition
from tests.kubelet.test_process_agent import Running, first, terminated, waiting
from tests.runtime.conftest import until


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def rule(*codes: int) -> list[Obj]:
    return [{"action": "Restart", "exitCodes": {"operator": "In", "values": list(codes)}}]


def test_a_rule_by_exit_code(sandboxed: Running, tmp_path: Path) -> None:
    """It ends with 42 the first time, and with 1 the second: the rule is about the first only."""
    data = tmp_path / "data"
    data.mkdir()
    sandboxed.create(
        command=shell("[ -e /d/second ] && exit 1; touch /d/second; exit 42"),
        policy="Never",
        restartPolicy="Never",
        restartPolicyRules=rule(42),
        volumeMounts=[{"name": "d", "mountPath": "/d"}],
        spec={"volumes": [{"name": "d", "hostPath": {"path": str(data)}}]},
    )
    pod = sandboxed.wait(lambda p: p["status"].get("phase") == "Failed")
    status = first(pod)
    assert (status["restartCount"], terminated(status)["exitCode"]) == (1, 1)
    assert status["lastState"]["terminated"]["exitCode"] == 42


@pytest.mark.parametrize(
    ("policy", "own", "code", "phase"),
    [("Always", "Never", 0, "Succeeded"), ("Always", "Never", 3, "Failed"), ("Always", "OnFailure", 0, "Succeeded")],
)
def test_a_policy_of_its_own(sandboxed: Running, policy: str, own: str, code: int, phase: str) -> None:
    sandboxed.create(command=shell(f"exit {code}"), policy=policy, restartPolicy=own)
    pod = sandboxed.wait(lambda p: p["status"].get("phase") == phase)
    assert first(pod)["restartCount"] == 0 and terminated(first(pod))["exitCode"] == code


def test_one_container_ends_and_its_pod_runs_on(sandboxed: Running) -> None:
    once = {"name": "once", "image": "busybox", "command": shell("exit 3"), "restartPolicy": "Never"}
    always = {"name": "app", "image": "busybox", "command": ["sleep", "600"]}
    sandboxed.create(spec={"containers": [always, once]})
    pod = sandboxed.wait(lambda p: any(terminated(s) for s in p.get("status", {}).get("containerStatuses") or []))
    ended = next(s for s in pod["status"]["containerStatuses"] if s["name"] == "once")
    assert ended["state"]["terminated"]["exitCode"] == 3 and ended["restartCount"] == 0
    sandboxed.wait(lambda p: p["status"]["phase"] == "Running" and not condition_is(p, "Ready"))


def test_restarts_wait_longer_each_time(sandboxed: Running) -> None:
    sandboxed.create(command=shell("exit 3"), restartPolicy="OnFailure")
    pod = sandboxed.wait(lambda p: waiting(p, "CrashLoopBackOff"))
    assert first(pod)["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=app pod=web_")
    assert first(pod)["lastState"]["terminated"]["reason"] == "Error"


def test_active_deadline(sandboxed: Running) -> None:
    sandboxed.create(spec={"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0})
    pod = sandboxed.wait(lambda p: p["status"].get("phase") == "Failed")
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert pod["status"]["message"] == "Pod was active on the node longer than the specified deadline"
    sandboxed.wait(lambda p: terminated(first(p)) is not None)
    assert ("DeadlineExceeded", pod["status"]["message"]) in sandboxed.events()


def test_readiness_gates(sandboxed: Running) -> None:
    sandboxed.create(spec={"readinessGates": [{"conditionType": "example.com/lit"}]})
    pod = sandboxed.wait(lambda p: condition_is(p, "ContainersReady"))
    ready = find_condition(pod["status"]["conditions"], "Ready") or {}
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    assert condition_is(pod, "PodReadyToStartContainers") and condition_is(pod, "Initialized")
    lit = {"type": "example.com/lit", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    patch = {"status": {"conditions": [lit]}}
    sandboxed.client.patch("pods", "web", patch, "default", patch_type="strategic", subresource="status")
    sandboxed.ready()


def test_sidecars_start_in_order_and_stop_in_reverse(sandboxed: Running, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    mounts = [{"name": "d", "mountPath": "/d"}]

    def words(name: str) -> list[str]:
        trap = f"trap 'echo {name} stops >>/d/log; exit 0' TERM"
        return shell(f"{trap}; echo {name} starts >>/d/log; while :; do sleep 0.02; done")

    def side(name: str) -> Obj:
        probe = {"exec": {"command": shell(f"grep -q '{name} starts' /d/log")}, "periodSeconds": 1}
        container = {"name": name, "image": "busybox", "command": words(name), "volumeMounts": mounts}
        return {**container, "restartPolicy": "Always", "startupProbe": probe}

    sandboxed.create(
        command=words("main"),
        volumeMounts=mounts,
        inits=[side("first"), side("second")],
        spec={"volumes": [{"name": "d", "hostPath": {"path": str(data)}}]},
    )
    sandboxed.ready()
    until(lambda: (data / "log").read_text().count("starts") == 3)
    sandboxed.client.delete("pods", "web", "default")
    until(lambda: sandboxed.pod() is None)
    assert (data / "log").read_text().splitlines() == [
        *("first starts", "second starts", "main starts", "main stops", "second stops", "first stops")
    ]


def test_a_pre_stop_hook_that_sleeps(sandboxed: Running) -> None:
    trap = "trap 'exit 0' TERM; while :; do sleep 0.02; done"
    sandboxed.create(command=shell(trap), lifecycle={"preStop": {"sleep": {"seconds": 1}}})
    sandboxed.ready()
    began = sandboxed.kubelet.clock.monotonic()
    sandboxed.client.delete("pods", "web", "default")
    until(lambda: sandboxed.pod() is None)
    assert sandboxed.kubelet.clock.monotonic() - began >= 1
    assert ("Killing", "Stopping container app") in sandboxed.events()
