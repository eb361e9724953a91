"""The runtime without processes: pods that are to be complete after a while."""

from __future__ import annotations

import random
import threading

import pytest

from minikctl.runtime import stages
from minikctl.runtime.interface import EXITED, RUNNING, ContainerConfig, SandboxConfig
from minikctl.runtime.simulated import COMPLETE_AFTER, SimulatedRuntime, Timetable
from minikctl.util.clock import SystemClock
from tests.support.waiting import eventually


def start(runtime: SimulatedRuntime, annotations: dict[str, str], *, init: bool = False) -> str:
    sandbox = runtime.run_pod_sandbox(SandboxConfig("u", "x", "default", annotations=annotations))
    container = runtime.create_container(sandbox.id, ContainerConfig(name="main", image="busybox", init=init))
    runtime.start_container(container)
    return container


@pytest.fixture
def runtime() -> SimulatedRuntime:
    return SimulatedRuntime("10.244.0.0/24")


def test_a_pod_that_is_to_be_complete_ends_well_and_tells(runtime: SimulatedRuntime) -> None:
    told = threading.Event()
    runtime.start(lambda _uid: told.set())
    container = start(runtime, {COMPLETE_AFTER: "30ms"})
    assert told.wait(10)
    found = runtime.container_status(container)
    assert (found.state, found.exit_code, found.reason) == (EXITED, 0, "Completed")


@pytest.mark.parametrize("annotations", [{}, {COMPLETE_AFTER: "soon"}, {COMPLETE_AFTER: "1h"}])
def test_others_run_on(runtime: SimulatedRuntime, annotations: dict[str, str]) -> None:
    assert runtime.container_status(start(runtime, annotations)).state == RUNNING
    runtime.stop()


def test_what_ran_before_a_restart_ends_in_its_time(runtime: SimulatedRuntime) -> None:
    pod = {
        "metadata": {"name": "x", "namespace": "default", "uid": "u", "annotations": {COMPLETE_AFTER: "1s"}},
        "spec": {},
        "status": {
            "phase": "Running",
            "podIP": "10.244.0.2",
            "containerStatuses": [
                {
                    "name": "main",
                    "image": "busybox",
                    "containerID": "minikctl-simulated://c",
                    "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                }
            ],
        },
    }
    runtime.recover([pod])
    eventually(lambda: runtime.container_status("c").state == EXITED)


def test_a_timetable_rings_in_order_and_its_thread_ends() -> None:
    rung: list[str] = []
    table = Timetable(SystemClock(), rung.append)
    for key, seconds in (("c", 0.06), ("a", 0.0), ("b", 0.03)):
        table.put(key, seconds)
    eventually(lambda: rung == ["a", "b", "c"])
    eventually(lambda: table._thread is None)
    table.put("d", 0)
    eventually(lambda: rung[-1] == "d")


STAGE = stages.FAIL
ENDINGS = [
    ({}, {}, []),
    ({}, {COMPLETE_AFTER: "5s"}, [(5.0, 5.0, 0, "")]),
    ({}, {COMPLETE_AFTER: "5s", f"{stages.COMPLETE}/jitter-delay": "8s"}, [(5.0, 8.0, 0, "")]),
    ({}, {COMPLETE_AFTER: "5s", f"{stages.COMPLETE}/jitter-delay": "1s"}, [(5.0, 5.0, 0, "")]),
    ({}, {COMPLETE_AFTER: "soon"}, []),
    ({STAGE: "true"}, {}, [(0.0, 0.0, 1, "Error")]),
    ({STAGE: "yes"}, {}, []),
    (
        {STAGE: "true"},
        {f"{STAGE}/delay": "2s", f"{STAGE}/exit-code": "137", f"{STAGE}/reason": "OOMKilled", COMPLETE_AFTER: "1s"},
        [(2.0, 2.0, 137, "OOMKilled"), (1.0, 1.0, 0, "")],
    ),
    ({STAGE: "true"}, {f"{STAGE}/exit-code": "0"}, [(0.0, 0.0, 1, "Error")]),
]


@pytest.mark.parametrize(("labels", "annotations", "expected"), ENDINGS)
def test_stages(
    labels: dict[str, str], annotations: dict[str, str], expected: list[tuple[float, float, int, str]]
) -> None:
    found = stages.endings(labels, annotations)
    assert [(e.least, e.most, e.exit_code, e.reason) for e in found] == expected
    for ending in found:
        assert ending.least <= ending.seconds(random.Random(1)) <= ending.most


def test_one_container_of_several_fails() -> None:
    found = stages.endings({STAGE: "true"}, {f"{STAGE}/container-name": "b", COMPLETE_AFTER: "1s"})
    assert [getattr(stages.of_container(found, name), "exit_code", None) for name in "ab"] == [0, 1]


def test_a_pod_that_is_to_fail_fails(runtime: SimulatedRuntime) -> None:
    told = threading.Event()
    runtime.start(lambda _uid: told.set())
    annotations = {f"{STAGE}/delay": "20ms", f"{STAGE}/exit-code": "3", f"{STAGE}/reason": "Broken"}
    config = SandboxConfig("u", "x", "default", annotations=annotations, labels={STAGE: "true"})
    sandbox = runtime.run_pod_sandbox(config)
    container = runtime.create_container(sandbox.id, ContainerConfig(name="main", image="busybox"))
    runtime.start_container(container)
    assert told.wait(10)
    found = runtime.container_status(container)
    assert (found.state, found.exit_code, found.reason) == (EXITED, 3, "Broken")
