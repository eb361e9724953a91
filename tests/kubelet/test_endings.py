"""How containers end and whether they run again, on real processes: codes, reasons, phases, and the wait between runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from minikctl.api.meta import Obj, condition_is, find_condition, uid
from tests.kubelet.test_process_agent import Running, first, terminated, waiting


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


ENDINGS: dict[str, tuple[list[str], str, int, str, str]] = {
    # name: (command, restart policy, exit code, reason, phase)
    "fine": (["true"], "Never", 0, "Completed", "Succeeded"),
    "fine-on-failure": (["true"], "OnFailure", 0, "Completed", "Succeeded"),
    "error": (shell("exit 3"), "Never", 3, "Error", "Failed"),
    "killed": (shell("sh -c 'kill -9 $$$$'; exit $?"), "Never", 137, "Error", "Failed"),
    "signal": (shell("sh -c 'kill -SEGV $$$$'; exit $?"), "Never", 139, "Error", "Failed"),
    "no-program": (["no-such-program"], "Never", 128, "StartError", "Failed"),
    "no-right": (["/etc/hostname"], "Never", 128, "StartError", "Failed"),
}


def test_exit_codes_reasons_and_phases(sandboxed: Running) -> None:
    for name, (command, policy, *_) in ENDINGS.items():
        sandboxed.create(name, command=command, policy=policy)
    for name, (_, _, code, reason, phase) in ENDINGS.items():
        pod = sandboxed.wait(lambda p: p["status"].get("phase") in ("Succeeded", "Failed"), name=name, seconds=60)
        ended = terminated(first(pod)) or {}
        assert (name, ended["exitCode"], ended["reason"], pod["status"]["phase"]) == (name, code, reason, phase)
        assert first(pod)["restartCount"] == 0 and not first(pod)["ready"] and first(pod)["started"] is False
        assert ended["containerID"] == first(pod)["containerID"] and ended["finishedAt"]
        for kind in ("Ready", "ContainersReady"):
            found = find_condition(pod["status"]["conditions"], kind) or {}
            why = "PodCompleted" if phase == "Succeeded" else "PodFailed"
            assert (found["status"], found["reason"]) == ("False", why)
        assert condition_is(pod, "Initialized") and not condition_is(pod, "PodReadyToStartContainers")
    assert "executable file not found in $PATH" in (terminated(first(sandboxed.pod("no-program"))) or {})["message"]


def test_a_pod_is_as_good_as_its_worst_container(sandboxed: Running) -> None:
    good = {"name": "good", "image": "busybox", "command": ["true"]}
    bad = {"name": "bad", "image": "busybox", "command": shell("exit 2")}
    long = {"name": "long", "image": "busybox", "command": ["sleep", "600"]}
    for name, containers in {"mixed": [good, bad], "running": [bad, long]}.items():
        sandboxed.create(name, policy="Never", spec={"containers": containers})
    assert sandboxed.wait(lambda p: p["status"].get("phase") == "Failed", name="mixed", seconds=60)
    pod = sandboxed.wait(lambda p: bool(terminated(first(p))), name="running", seconds=60)
    assert pod["status"]["phase"] == "Running"
    ready = find_condition(pod["status"]["conditions"], "Ready") or {}
    assert (ready["reason"], ready["message"]) == ("ContainersNotReady", "containers with unready status: [bad]")


def test_init_containers_that_fail(sandboxed: Running) -> None:
    """With Never they end the pod; else they are tried again, and the others wait."""

    def init(name: str, script: str) -> Obj:
        return {"name": name, "image": "busybox", "command": shell(script)}

    inits = [init("one", "true"), init("two", "exit 7"), init("three", "true")]
    sandboxed.create("never", inits=inits, policy="Never")
    sandboxed.create("always", inits=inits)
    pod = sandboxed.wait(lambda p: p["status"].get("phase") == "Failed", name="never", seconds=60)
    states = [s["state"] for s in pod["status"]["initContainerStatuses"]]
    assert [next(iter(s)) for s in states] == ["terminated", "terminated", "waiting"]
    assert states[1]["terminated"]["exitCode"] == 7

    def again(pod: Obj) -> bool:
        return any(s["restartCount"] >= 1 for s in pod["status"].get("initContainerStatuses") or [])

    pod = sandboxed.wait(again, name="always", seconds=60)
    assert pod["status"]["phase"] == "Pending" and waiting(pod, "PodInitializing")
    assert [s["restartCount"] for s in pod["status"]["initContainerStatuses"]] == [0, 1, 0]
    found = find_condition(pod["status"]["conditions"], "Initialized") or {}
    assert (found["reason"], found["message"]) == (
        *("ContainersNotInitialized", "containers with incomplete status: [two three]"),
    )


RULES = [{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 5]}}]


def test_rules_by_exit_code(sandboxed: Running, tmp_path: Path) -> None:
    """The first run of each ends with 42, the second with its own code. Rules come before the policy."""
    (tmp_path / "d").mkdir()
    volumes = [{"name": "d", "hostPath": {"path": str(tmp_path / "d")}}]
    codes = {"listed": 5, "good": 0}
    for name, code in codes.items():
        script = f"[ -e /d/{name} ] && exit {code}; touch /d/{name}; exit 42"
        more = {"restartPolicy": "Never", "restartPolicyRules": RULES}
        mounts = [{"name": "d", "mountPath": "/d"}]
        sandboxed.create(
            name, command=shell(script), policy="Always", volumeMounts=mounts, spec={"volumes": volumes}, **more
        )
    init = {"name": "init", "image": "busybox", "command": shell("[ -e /d/init ] || { touch /d/init; exit 42; }")}
    init |= {"restartPolicy": "Never", "restartPolicyRules": RULES, "volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    sandboxed.create("initial", inits=[init], policy="Never", command=["true"], spec={"volumes": volumes})
    for name, code in codes.items():
        phase = "Succeeded" if code == 0 else "Failed"
        pod = sandboxed.wait(lambda p: p["status"].get("phase") in ("Succeeded", "Failed"), name=name, seconds=60)
        assert (pod["status"]["phase"], first(pod)["restartCount"]) == (phase, 1)
        assert first(pod)["lastState"]["terminated"]["exitCode"] == 42
    pod = sandboxed.wait(lambda p: p["status"].get("phase") in ("Succeeded", "Failed"), name="initial", seconds=60)
    assert pod["status"]["phase"] == "Succeeded" and pod["status"]["initContainerStatuses"][0]["restartCount"] == 1


# ---------------------------------------------------------------------- between runs


def test_the_wait_doubles_and_starts_over_after_ten_good_minutes(sandboxed: Running) -> None:
    """Time passes by making everything older that has happened."""
    sandboxed.create(command=shell("exit 1"))
    kubelet = sandboxed.kubelet

    def waits(runs: int) -> str:
        def held(pod: Obj) -> bool:
            return waiting(pod, "CrashLoopBackOff") and first(pod)["restartCount"] == runs

        pod = sandboxed.wait(held, f"{runs} restarts", seconds=60)
        return str(first(pod)["state"]["waiting"]["message"]).split()[1]

    def later(seconds: float, *, since_the_start: float = 0.0) -> None:
        for container in kubelet.runtime._containers.values():
            container.finished_at -= timedelta(seconds=seconds)
        for entry in kubelet.backoff._entries.values():
            entry.updated -= seconds + since_the_start
        for record in kubelet.records.values():
            record.held.clear()
            kubelet.look_again(uid(record.pod))

    delays = (10, 20, 40, 80, 160, 300, 300)
    shown = []
    for runs, seconds in enumerate(delays, start=1):
        shown.append(waits(runs))
        later(seconds)
    assert shown == ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"]
    assert waits(8) == "5m0s"
    later(0, since_the_start=601)
    assert waits(9) == "10s"
    where = f"pod web_default({uid(sandboxed.pod())})"
    assert ("BackOff", f"Back-off restarting failed container app in {where}") in sandboxed.events()
