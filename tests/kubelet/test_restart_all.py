"""Running all containers of a pod again, because one of them ended so: as a table, and on real processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from minikctl.api.meta import Obj, find_condition
from minikctl.kubelet import restart_all
from minikctl.kubelet.pod_worker import compute_actions
from minikctl.kubelet.status import View, pod_status
from minikctl.runtime.interface import ContainerStatus, PodState
from tests.kubelet.build import T0, container, pod, run, state
from tests.kubelet.test_pod_worker import shown
from tests.kubelet.test_process_agent import Running, first
from tests.runtime.conftest import until


def ruled(name: str, **more: object) -> Obj:
    codes = {"operator": "In", "values": [88]}
    rules = [{"action": "RestartAllContainers", "exitCodes": codes}]
    return container(name, restartPolicy="Never", restartPolicyRules=rules, **more)


def at(second: float, status: ContainerStatus) -> ContainerStatus:
    """A run that began then; it ends a second later, if it does."""
    began = T0 + timedelta(seconds=second)
    ended = None if status.finished_at is None else began + timedelta(seconds=1)
    return replace(status, created_at=began, started_at=began, finished_at=ended)


A, INIT, SIDE = container("a"), container("init"), container("side", restartPolicy="Always")
POD = pod(A, ruled("w"), inits=(INIT, SIDE), policy="Never")
FIRST = (at(0, run("init", code=0)), at(2, run("side")), at(3, run("a")))
ASKED = at(4, run("w", code=88))
"""At 5 seconds."""
ENDED = (FIRST[0], at(2, run("side", code=137)), at(3, run("a", code=137)))
AGAIN = at(7, run("init", attempt=1, code=0))


@pytest.mark.parametrize(
    ("title", "runs", "want"),
    [
        ("nothing asks", (at(4, run("w")), *FIRST), ""),
        ("it ended otherwise", (at(4, run("w", code=1)), *FIRST), ""),
        ("those that run are ended", (ASKED, *FIRST), "kill:side kill:a"),
        ("then the first init container", (ASKED, *ENDED), "start:init#1"),
        ("which runs", (at(7, run("init", attempt=1)), ASKED, *ENDED), ""),
        ("then the sidecar", (AGAIN, ASKED, *ENDED), "start:side#1"),
        ("then the others", (at(8, run("side", attempt=1)), AGAIN, ASKED, *ENDED), "start:a#1 start:w#1"),
        (
            "and that was it",
            (
                at(9, run("w", attempt=1)),
                at(9, run("a", attempt=1)),
                at(8, run("side", attempt=1)),
                AGAIN,
                ASKED,
                *ENDED,
            ),
            "",
        ),
    ],
)
def test_steps(title: str, runs: tuple[ContainerStatus, ...], want: str) -> None:
    assert shown(compute_actions(POD, state(*runs))) == want


def test_they_are_killed_at_once() -> None:
    assert {k.grace for k in compute_actions(POD, state(ASKED, *FIRST)).kill} == {0.0}


@pytest.mark.parametrize(
    ("runs", "phase", "condition"),
    [
        ((at(4, run("w")), *FIRST), "Running", None),
        ((ASKED, *FIRST), "Running", "True"),
        ((ASKED, *ENDED), "Running", "True"),
        ((AGAIN, ASKED, *ENDED), "Running", "False"),
        ((at(4, run("w", code=1)), *ENDED), "Failed", None),
    ],
)
def test_what_is_shown(runs: tuple[ContainerStatus, ...], phase: str, condition: str | None) -> None:
    shown = pod_status(View(pod=POD, state=state(*runs), now=T0, scheme="x"))
    found = find_condition(shown["conditions"], restart_all.CONDITION)
    assert (shown["phase"], found and found["status"]) == (phase, condition)


def test_ephemeral_containers_stay() -> None:
    spec = {**POD, "spec": {**POD["spec"], "ephemeralContainers": [container("debug")]}}
    have = PodState("u1", state().sandboxes, (at(4.5, run("debug")), ASKED, *ENDED))
    assert shown(compute_actions(spec, have)) == "start:init#1"


def test_on_real_processes(sandboxed: Running, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    mounts = [{"name": "log", "mountPath": "/log"}, {"name": "own", "mountPath": "/own"}]

    def words(name: str, script: str, **more: object) -> Obj:
        command = ["sh", "-c", f"echo {name} >>/log/log; {script}"]
        return {"name": name, "image": "busybox", "command": command, "volumeMounts": mounts, **more}

    watcher = ruled("watcher")
    deaf = "trap '' TERM; echo x >>/own/kept; while :; do sleep 0.02; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >>/log/log"]}}}
    containers = [
        words("main", deaf, lifecycle=hook),
        words("once", "true"),
        words(
            "watcher",
            "[ -e /log/go ] || { sleep 0.5; touch /log/go; exit 88; }; sleep 600",
            **{k: watcher[k] for k in ("restartPolicy", "restartPolicyRules")},
        ),
    ]
    volumes = [{"name": "log", "hostPath": {"path": str(log)}}, {"name": "own", "emptyDir": {}}]
    spec = {"containers": containers, "volumes": volumes, "terminationGracePeriodSeconds": 600}
    sandboxed.create(inits=[words("init", "true")], policy="Never", spec=spec)
    before = sandboxed.wait(lambda p: p["status"].get("phase") == "Running", seconds=60)["status"]["podIP"]

    def again(pod: Obj) -> bool:
        return [s["restartCount"] for s in pod["status"].get("containerStatuses") or []] == [1, 1, 1] and bool(
            first(pod)["ready"]
        )

    pod = sandboxed.wait(again, "all ran again", seconds=60)
    assert pod["status"]["initContainerStatuses"][0]["restartCount"] == 1
    assert first(pod)["lastState"]["terminated"]["exitCode"] == 137
    assert (pod["status"]["phase"], pod["status"]["podIP"]) == ("Running", before)
    assert (find_condition(pod["status"]["conditions"], restart_all.CONDITION) or {})["status"] == "False"
    assert ("Killing", "Restarting all containers") in sandboxed.events()
    until(lambda: len((log / "log").read_text().split()) == 8, "all have said so", 60)
    lines = (log / "log").read_text().split()
    assert sorted(lines) == sorted(["init", "main", "once", "watcher"] * 2) and lines[4] == "init"
    uid = pod["metadata"]["uid"]
    folder = sandboxed.kubelet.runtime.pod_folder(uid)
    until(lambda: any(p.read_text() == "x\nx\n" for p in folder.rglob("kept")), "the emptyDir is the same", 60)
    assert len(sandboxed.kubelet.runtime.pod_state(uid).sandboxes) == 1
