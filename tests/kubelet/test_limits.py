"""Limits of resources as a user of a cluster sees them, and what the runtime is told of them."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet import allotment
from minikctl.runtime.interface import Resources
from minikctl.runtime.limits import probe
from tests.kubelet.test_process_agent import Running, first, terminated, waiting
from tests.runtime.conftest import until

MIB = 1 << 20
EAT = "import time\nkept = []\nfor _ in range(100): kept.append(b'x' * (4 << 20)); time.sleep(0.02)\ntime.sleep(600)"


@pytest.mark.parametrize(
    ("resources", "pod_level", "told"),
    [
        ({}, {}, Resources()),
        ({"requests": {"cpu": "250m", "memory": "1Mi"}}, {}, Resources(cpu_request=250)),
        (
            {"limits": {"cpu": "500m", "memory": "2Mi"}},
            {},
            Resources(cpu_request=500, cpu_limit=500, memory_limit=2 * MIB),
        ),
        ({}, {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}, Resources(cpu_request=1000)),
    ],
)
def test_what_a_container_is_given(resources: Obj, pod_level: Obj, told: Resources) -> None:
    assert allotment.of_container({"spec": {"resources": pod_level}}, resources) == told


def test_what_a_pod_is_given() -> None:
    containers = [{"name": n, "resources": {"requests": {"cpu": "200m"}}} for n in "ab"]
    pod: Obj = {"spec": {"containers": containers}}
    assert allotment.of_whole_pod(pod, 100) == Resources(cpu_request=400, pids_limit=100)
    pod["spec"]["resources"] = {"limits": {"cpu": "2", "memory": "1Mi"}, "requests": {"cpu": "1"}}
    assert allotment.of_whole_pod(pod, 0) == Resources(cpu_request=1000, cpu_limit=2000, memory_limit=MIB)


def eater(node: Running, **more: object) -> None:
    node.create(
        image="python:3.12",
        command=["python3", "-c", EAT],
        resources={"limits": {"memory": "32Mi"}, "requests": {"memory": "16Mi"}},
        **more,
    )


def test_out_of_memory(sandboxed: Running) -> None:
    eater(sandboxed)
    pod = sandboxed.wait(lambda p: first(p)["restartCount"] == 1, seconds=15)
    last = first(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")
    pod = sandboxed.wait(lambda p: waiting(p, "CrashLoopBackOff"), seconds=15)
    assert pod["status"]["phase"] == "Running" and pod["status"]["qosClass"] == "Burstable"


def test_out_of_memory_without_a_restart(sandboxed: Running) -> None:
    eater(sandboxed, policy="Never")
    pod = sandboxed.wait(lambda p: p["status"].get("phase") == "Failed", seconds=15)
    assert terminated(first(pod))["reason"] == "OOMKilled"


def test_resizing_in_place(sandboxed: Running) -> None:
    if probe.usable() is None:
        pytest.skip("this user may not make control groups here")
    sandboxed.create(resources={"limits": {"memory": "64Mi"}, "requests": {"memory": "16Mi"}})
    sandboxed.ready()
    container = sandboxed.container()["containerID"].partition("//")[2]
    wanted = {"limits": {"memory": "96Mi"}, "requests": {"memory": "16Mi"}}
    patch = {"spec": {"containers": [{"name": "app", "resources": wanted}]}}
    sandboxed.client.patch("pods", "web", patch, "default", patch_type="strategic", subresource="resize")
    sandboxed.wait(lambda p: first(p).get("resources", {}).get("limits") == {"memory": "96Mi"})
    runtime = sandboxed.kubelet.runtime
    until(lambda: runtime._container(container).config.resources.memory_limit == 96 * MIB)
    roots = probe.usable().folders  # type: ignore[union-attr]
    groups = [p for root in roots for p in root.rglob(container)]
    names = ("memory.limit_in_bytes", "memory.max")
    limit = next(group / name for group in groups for name in names if (group / name).exists())
    assert limit.read_text().strip() == str(96 * MIB)
    assert sandboxed.container()["restartCount"] == 0
