"""Pod statuses, from specs and runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from minikctl.api.meta import find_condition
from minikctl.kubelet.pod_worker import Health
from minikctl.kubelet.resize import Behind, Progress
from minikctl.kubelet.status import View, merge, pod_status
from minikctl.runtime.interface import NOT_READY
from tests.kubelet.build import NOTHING, T0, container, pod, run, sandbox, state

A, B, I1 = container("a"), container("b"), container("i1")
SIDE = container("side", restartPolicy="Always")


def status_of(spec, have, **more):
    return pod_status(View(spec, have, T0, "minikctl-process", ("10.0.0.1",), **more))


PHASES = [
    ("nothing yet", pod(A), NOTHING, False, "Pending"),
    ("one of two", pod(A, B), state(run("a")), False, "Pending"),
    ("both", pod(A, B), state(run("a"), run("b")), False, "Running"),
    ("init runs", pod(A, inits=(I1,)), state(run("i1", init=True)), False, "Pending"),
    ("init failed, Never", pod(A, inits=(I1,), policy="Never"), state(run("i1", code=1, init=True)), False, "Failed"),
    ("init failed, Always", pod(A, inits=(I1,)), state(run("i1", code=1, init=True)), False, "Pending"),
    ("crashing", pod(A), state(run("a", code=1)), False, "Running"),
    ("done, Always", pod(A), state(run("a", code=0)), False, "Running"),
    ("done, Never", pod(A, policy="Never"), state(run("a", code=0)), False, "Succeeded"),
    ("failed, Never", pod(A, policy="Never"), state(run("a", code=3)), False, "Failed"),
    ("failed, OnFailure", pod(A, policy="OnFailure"), state(run("a", code=3)), False, "Running"),
    ("one done, one runs", pod(A, B, policy="Never"), state(run("a", code=0), run("b")), False, "Running"),
    ("done but its sidecar runs", pod(A, inits=(SIDE,), policy="Never"), state(run("a", code=0), run("side", init=True)), False, "Running"),
    ("deleted, ended well", pod(A), state(run("a", code=0)), True, "Succeeded"),
    ("deleted, ended by a signal", pod(A), state(run("a", code=143)), True, "Failed"),
    ("deleted before it ran", pod(A), state(), True, "Failed"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "spec", "have", "terminal", "phase"), PHASES, ids=[c[0] for c in PHASES])
def test_phase(title, spec, have, terminal, phase):
    assert status_of(spec, have, terminal=terminal)["phase"] == phase


def conditions(status):
    return {c["type"]: (c["status"], c.get("reason", ""), c.get("message", "")) for c in status["conditions"]}


def test_a_running_pod():
    status = status_of(pod(A), state(run("a")))
    assert [c["type"] for c in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    assert set(conditions(status).values()) == {("True", "", "")}
    assert status["podIP"] == "127.9.0.2" and status["podIPs"] == [{"ip": "127.9.0.2"}]
    assert status["hostIP"] == "10.0.0.1" and status["startTime"] == "2026-05-01T12:00:00Z"
    assert status["observedGeneration"] == 1
    (only,) = status["containerStatuses"]
    assert only["state"] == {"running": {"startedAt": "2026-05-01T12:00:00Z"}}
    assert only["containerID"] == "minikctl-process://a0"
    assert (only["ready"], only["started"], only["restartCount"], only["lastState"]) == (True, True, 0, {})


def test_before_anything_runs():
    status = status_of(pod(A, inits=(I1,)), NOTHING)
    assert status["initContainerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert status_of(pod(A), NOTHING)["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    found = conditions(status)
    assert found["PodReadyToStartContainers"][0] == "False"
    assert found["Initialized"] == (
        "False",
        "ContainersNotInitialized",
        "containers with incomplete status: [i1]",
    )
    assert found["Ready"] == ("False", "ContainersNotReady", "containers with unready status: [a]")


def test_crash_loop():
    held = {"a": ("CrashLoopBackOff", "back-off 10s restarting failed container=a pod=web_default(u1)")}
    status = status_of(pod(A), state(run("a", attempt=2, code=1)), waiting=held)
    (only,) = status["containerStatuses"]
    assert only["state"] == {"waiting": {"reason": held["a"][0], "message": held["a"][1]}}
    assert only["lastState"]["terminated"]["exitCode"] == 1
    assert only["lastState"]["terminated"]["containerID"] == "minikctl-process://a2"
    assert (only["restartCount"], only["ready"], only["started"]) == (2, False, False)
    assert status["phase"] == "Running"


def test_between_a_crash_and_the_next_start():
    status = status_of(pod(A), state(run("a", attempt=1), run("a", code=1)))
    (only,) = status["containerStatuses"]
    assert "running" in only["state"] and only["lastState"]["terminated"]["reason"] == "Error"
    assert only["restartCount"] == 1


def test_an_image_that_cannot_be_pulled():
    held = {"a": ("ErrImagePull", "no such thing")}
    status = status_of(pod(A), state(), waiting=held)
    assert status["containerStatuses"][0]["state"] == {
        "waiting": {"reason": "ErrImagePull", "message": "no such thing"}
    }
    assert status["phase"] == "Pending"


def test_what_ended_for_good_is_not_shown_as_waiting():
    held = {"a": ("CrashLoopBackOff", "…")}
    status = status_of(pod(A, policy="Never"), state(run("a", code=1)), waiting=held)
    assert "terminated" in status["containerStatuses"][0]["state"]
    found = conditions(status)
    assert found["Ready"] == ("False", "PodFailed", "")
    assert found["PodReadyToStartContainers"][0] == "False"


def test_completed():
    status = status_of(pod(A, policy="Never"), state(run("a", code=0)))
    found = conditions(status)
    assert found["Initialized"] == ("True", "PodCompleted", "")
    assert found["Ready"] == found["ContainersReady"] == ("False", "PodCompleted", "")


def test_probes():
    unready = Health(unready=frozenset({"a0"}))
    (only,) = status_of(pod(A), state(run("a")), health=unready)["containerStatuses"]
    assert (only["ready"], only["started"]) == (False, True)
    unstarted = Health(unstarted=frozenset({"a0"}))
    (only,) = status_of(pod(A), state(run("a")), health=unstarted)["containerStatuses"]
    assert (only["ready"], only["started"]) == (False, False)


def test_readiness_gates():
    spec = pod(A, readinessGates=[{"conditionType": "example.com/lb"}])
    ready = conditions(status_of(spec, state(run("a"))))["Ready"]
    assert ready == (
        "False",
        "ReadinessGatesNotReady",
        'corresponding condition of pod readiness gate "example.com/lb" does not exist.',
    )
    spec["status"]["conditions"] = [{"type": "example.com/lb", "status": "True"}]
    assert conditions(status_of(spec, state(run("a"))))["Ready"] == ("True", "", "")


def test_transition_times_stay_while_nothing_changes():
    spec = pod(A)
    first = status_of(spec, state(run("a")))
    later = {**spec, "status": first}
    view = View(later, state(run("a")), T0 + timedelta(minutes=5), "minikctl-process", ("10.0.0.1",))
    assert pod_status(view) == first


def test_a_terminal_phase_is_final_and_the_address_stays():
    spec = pod(A, policy="Never")
    done = status_of(spec, state(run("a", code=0)))
    again = status_of({**spec, "status": done}, state(run("a", code=0), box=sandbox(NOT_READY)), terminal=True)
    assert again["phase"] == "Succeeded" and again["podIP"] == "127.9.0.2"
    lost = status_of({**spec, "status": done}, NOTHING)
    assert lost["containerStatuses"][0]["state"] == done["containerStatuses"][0]["state"]


def test_the_node_ends_a_pod():
    status = status_of(pod(A), state(run("a", code=143)), failure=("DeadlineExceeded", "too long"), terminal=True)
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_a_resize_in_progress():
    before = {"requests": {"cpu": "1"}}
    wish = container("a", resources={"requests": {"cpu": "2"}})
    view = {"behind": {"a": Behind("a0", before)}, "resizing": Progress(7, "too little")}
    found = status_of(pod(wish), state(run("a")), **view)
    [shown] = found["containerStatuses"]
    assert (shown["resources"], shown["allocatedResources"]) == (before, {"cpu": "2"})
    condition = find_condition(found["conditions"], "PodResizeInProgress")
    told = {k: condition[k] for k in ("status", "reason", "message", "observedGeneration")}
    assert told == {"status": "True", "reason": "Error", "message": "too little", "observedGeneration": 7}
    done = status_of(pod(wish), state(run("a", attempt=1)), behind=view["behind"])
    assert done["containerStatuses"][0]["resources"] == {"requests": {"cpu": "2"}}
    merged = merge(found, done)
    assert find_condition(merged["conditions"], "PodResizeInProgress") is None


def test_merge_keeps_what_others_wrote():
    other = {"type": "example.com/lb", "status": "True"}
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": "x"}
    computed = status_of(pod(A), state(run("a")))
    merged = merge({"phase": "Pending", "conditions": [scheduled, other], "nominatedNodeName": "n"}, computed)
    assert merged["conditions"][0] is other
    assert next(c for c in merged["conditions"] if c["type"] == "PodScheduled") == scheduled
    assert merged["nominatedNodeName"] == "n" and merged["phase"] == "Running"
    assert merge({"phase": "Failed"}, computed)["phase"] == "Failed"
