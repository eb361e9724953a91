"""What the kubelet decides to do for a pod, as tables."""

from __future__ import annotations

import pytest

from minikctl.kubelet import pod_worker
from minikctl.kubelet.pod_worker import Actions, Health, compute_actions
from minikctl.runtime.interface import NOT_READY, PodState
from tests.kubelet.build import NOTHING, T0, container, pod, run, sandbox, state

A, B = container("a"), container("b")
I1, I2 = container("i1"), container("i2")
SIDE = container("side", restartPolicy="Always")
OWN, ONCE = container("a", restartPolicy="Always"), container("a", restartPolicy="Never")


def ruled(operator: str, *codes: int):
    rule = {"action": "Restart", "exitCodes": {"operator": operator, "values": list(codes)}}
    return container("a", restartPolicy="Never", restartPolicyRules=[rule])


RULED, EXCEPT = ruled("In", 42), ruled("NotIn", 0, 3)


def shown(actions: Actions) -> str:
    """`box kill:a start:b#1`"""
    words = []
    if actions.kill_pod:
        words.append("end")
    if actions.create_sandbox:
        words.append(f"box{actions.sandbox_attempt}")
    words += [f"kill:{k.name}" for k in actions.kill]
    words += [f"start:{s.spec['name']}#{s.attempt}" for s in actions.start]
    return " ".join(words)


DEAD = sandbox(NOT_READY)
CASES = [
    ("a new pod", pod(A, B), NOTHING, "box0 start:a#0 start:b#0"),
    ("a new pod with init containers", pod(A, inits=(I1, I2)), NOTHING, "box0 start:i1#0"),
    ("only the sandbox stands", pod(A, B), state(), "start:a#0 start:b#0"),
    ("one container is missing", pod(A, B), state(run("a")), "start:b#0"),
    ("all run", pod(A, B), state(run("b"), run("a")), ""),
    ("one failed, Always", pod(A), state(run("a", code=1)), "start:a#1"),
    ("one succeeded, Always", pod(A), state(run("a", code=0, attempt=3)), "start:a#4"),
    ("one failed, OnFailure", pod(A, policy="OnFailure"), state(run("a", code=1)), "start:a#1"),
    ("one succeeded, OnFailure", pod(A, policy="OnFailure"), state(run("a", code=0)), "end"),
    ("one failed, Never", pod(A, policy="Never"), state(run("a", code=1)), "end"),
    ("one of two done, Never", pod(A, B, policy="Never"), state(run("b"), run("a", code=0)), ""),
    ("the image changed", pod(A), state(run("a", of=container("a", "nginx:1.24"))), "kill:a"),
    ("the image is the same", pod(A), state(run("a", of=A)), ""),
    # init containers
    ("first init runs", pod(A, inits=(I1, I2)), state(run("i1")), ""),
    ("first init done", pod(A, inits=(I1, I2)), state(run("i1", code=0)), "start:i2#0"),
    ("first init failed", pod(A, inits=(I1, I2)), state(run("i1", code=1)), "start:i1#1"),
    ("first init failed, Never", pod(A, inits=(I1,), policy="Never"), state(run("i1", code=1)), "end"),
    ("init failed, OnFailure", pod(A, inits=(I1,), policy="OnFailure"), state(run("i1", code=1)), "start:i1#1"),
    ("all inits done", pod(A, inits=(I1, I2)), state(run("i2", code=0), run("i1", code=0)), "start:a#0"),
    ("done and running", pod(A, inits=(I1,)), state(run("a"), run("i1", code=0)), ""),
    ("the runs of inits are collected", pod(A, inits=(I1,)), state(run("a")), ""),
    ("main restarts, inits do not", pod(A, inits=(I1,)), state(run("a", code=1), run("i1", code=0)), "start:a#1"),
    # sidecars
    ("sidecar first", pod(A, inits=(SIDE, I1)), state(), "start:side#0"),
    ("sidecar runs, next init", pod(A, inits=(SIDE, I1)), state(run("side")), "start:i1#0"),
    ("sidecar fails while inits go on", pod(A, inits=(SIDE, I1)), state(run("side", code=1)), "start:side#1"),
    ("sidecar fails later", pod(A, inits=(SIDE,)), state(run("a"), run("side", code=0)), "start:side#1"),
    ("sidecar restarts, Never", pod(A, inits=(SIDE,), policy="Never"), state(run("a"), run("side", code=0)), "start:side#1"),
    ("main done: the sidecar ends", pod(A, inits=(SIDE,), policy="Never"), state(run("a", code=0), run("side")), "end"),
    # policies and rules of containers' own
    ("own policy Always in a pod of Never", pod(OWN, policy="Never"), state(run("a", code=0)), "start:a#1"),
    ("own policy Never in a pod of Always", pod(ONCE, B), state(run("b"), run("a", code=1)), ""),
    ("only such ones, all ended", pod(ONCE), state(run("a", code=1)), "end"),
    ("a rule that fits", pod(RULED, policy="Never"), state(run("a", code=42)), "start:a#1"),
    ("a rule that does not fit", pod(RULED, policy="Never"), state(run("a", code=1)), "end"),
    ("a rule for all codes but some", pod(EXCEPT, policy="Never"), state(run("a", code=7)), "start:a#1"),
    ("one of these", pod(EXCEPT, policy="Never"), state(run("a", code=3)), "end"),
    ("an init container's rule", pod(A, inits=({**RULED, "name": "i1"},)), state(run("i1", code=42)), "start:i1#1"),
    ("an init container that may not fail", pod(A, inits=({**ONCE, "name": "i1"},)), state(run("i1", code=1)), "end"),
    ("lost, own policy", pod(OWN, policy="Never"), state(run("a", code=137), box=DEAD), "end box1 start:a#1"),
    # a sandbox that is lost (the node went down)
    ("lost, Always", pod(A), state(run("a", code=137), box=DEAD), "end box1 start:a#1"),
    ("lost, Never", pod(A, policy="Never"), state(run("a", code=137), box=DEAD), "end"),
    ("lost, OnFailure and done", pod(A, policy="OnFailure"), state(run("a", code=0), box=DEAD), "end"),
    ("lost: inits again", pod(A, inits=(I1,)), state(run("a", code=1), run("i1", code=0), box=DEAD), "end box1 start:i1#1"),
    (
        "a new sandbox: runs of the old one count for numbers only",
        pod(A, inits=(I1,)),
        PodState("u1", (sandbox(attempt=1), DEAD), (run("a", code=1), run("i1", code=0))),
        "start:i1#1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("title", "spec", "have", "want"), CASES, ids=[c[0] for c in CASES])
def test_compute_actions(title, spec, have, want):
    assert shown(compute_actions(spec, have)) == want


@pytest.mark.parametrize(
    ("policy", "health", "kills", "message"),
    [
        ("Always", Health(failed={"a0": "liveness"}), 1, "Container a failed liveness probe, will be restarted"),
        ("Never", Health(failed={"a0": "liveness"}), 1, "Container a failed liveness probe"),
        ("Always", Health(failed={"a0": "startup"}), 1, "Container a failed startup probe, will be restarted"),
        ("Always", Health(unready=frozenset({"a0"})), 0, ""),
    ],
)
def test_probes_kill(policy, health, kills, message):
    actions = compute_actions(pod(A, policy=policy), state(run("a")), health)
    assert len(actions.kill) == kills and not actions.kill_pod
    if kills:
        assert actions.kill[0].message == message


def test_a_changed_definition_is_restarted_whatever_the_policy():
    changed = state(run("a", of=container("a", "nginx:1.24")))
    kill = compute_actions(pod(A, policy="Never"), changed).kill[0]
    assert kill.restart and kill.message == "Container a definition changed, will be restarted"
    ended = state(run("a", code=137))
    again = compute_actions(pod(A, policy="Never"), ended, Health(restarting=frozenset({"a0"})))
    assert shown(again) == "start:a#1"


def test_a_sidecar_that_has_not_started_holds_back_the_rest():
    waiting = Health(unstarted=frozenset({"side0"}))
    assert shown(compute_actions(pod(A, inits=(SIDE,)), state(run("side")), waiting)) == ""
    assert shown(compute_actions(pod(A, inits=(SIDE,)), state(run("side")))) == "start:a#0"


def test_sidecars_stop_last_and_in_reverse():
    second = container("side2", restartPolicy="Always")
    spec = pod(A, inits=(SIDE, second))
    names = lambda *runs: [c.name for c in pod_worker.stop_order(spec, state(*runs))]  # noqa: E731
    assert names(run("a"), run("side"), run("side2")) == ["a"]
    assert names(run("a", code=0), run("side"), run("side2")) == ["side2"]
    assert names(run("a", code=0), run("side"), run("side2", code=0)) == ["side"]
    assert names(run("a", code=0)) == []


def test_grace_and_deadline():
    assert pod_worker.grace_period(pod(A)) == 30
    assert pod_worker.grace_period(pod(A, terminationGracePeriodSeconds=5)) == 5
    deleting = pod(A)
    deleting["metadata"]["deletionGracePeriodSeconds"] = 0
    assert pod_worker.grace_period(deleting) == 0
    assert pod_worker.deadline_exceeded(pod(A), T0, T0) is None
    assert pod_worker.deadline_exceeded(pod(A, activeDeadlineSeconds=7), T0, T0) == 7


def test_two_runs_of_a_container_are_kept():
    runs = [run("a", attempt=3), run("a", attempt=2, code=1), run("a", attempt=1, code=1), run("b")]
    assert [c.id for c in pod_worker.superfluous(state(*runs))] == ["a1"]
