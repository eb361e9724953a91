"""Pods that are evicted from a real node. Its shortage is told, not made; the pods' own use of disk is real."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.api.meta import condition_is, find_condition
from minikctl.kubelet.eviction import readings
from minikctl.kubelet.eviction.decisions import Reading
from minikctl.util.disk import size
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import until

GIB = 1 << 30


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def eviction(node: Running):
    found = node.kubelet.eviction
    assert found is not None
    found.stop()  # the test says when it looks
    return found


def evicted(node: Running, name: str = "web"):
    return node.wait(lambda p: p["status"].get("reason") == "Evicted", name=name)


def test_what_the_machine_has(tmp_path: Path) -> None:
    found = readings.read(tmp_path)
    assert set(found) >= {"memory.available", "nodefs.available", "imagefs.available", "pid.available"}
    assert all(0 < r.available <= r.capacity for r in found.values())


def test_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "same").hardlink_to(tmp_path / "a")
    assert 100_000 <= size(tmp_path) < 200_000


def test_memory_pressure(sandboxed: Running) -> None:
    sandboxed.create("greedy", spec={"terminationGracePeriodSeconds": 60})
    sandboxed.create("asked", resources={"requests": {"memory": "1Gi"}})
    for name in ("greedy", "asked"):
        sandboxed.ready(name)
    manager = eviction(sandboxed)
    manager.read = lambda _folder: {"memory.available": Reading(50 << 20, 8 * GIB)}
    manager.look()
    pod = evicted(sandboxed, "greedy")
    assert pod["status"]["phase"] == "Failed"
    assert pod["status"]["message"].startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container app was using "
    )
    disruption = find_condition(pod["status"]["conditions"], "DisruptionTarget") or {}
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    assert terminated(first(pod))["exitCode"] == 137
    assert ("Evicted", pod["status"]["message"]) in sandboxed.events("greedy")
    assert ("EvictionThresholdMet", "Attempting to reclaim memory") in sandboxed.events("node-1")
    assert "NodeHasInsufficientMemory" in dict(sandboxed.events("node-1"))
    node = sandboxed.client.get("nodes", "node-1")
    assert condition_is(node, "MemoryPressure") and condition_is(node, "Ready")
    assert sandboxed.pod("asked")["status"]["phase"] == "Running"
    sandboxed.create("late")
    assert evicted(sandboxed, "late")["status"]["message"] == (
        "Pod was rejected: The node had condition: [MemoryPressure]. "
    )
    assert "Evicted" in sandboxed.cluster.cli("get", "pods", "late").out


def test_pressure_ends(sandboxed: Running) -> None:
    manager = eviction(sandboxed)
    manager.read = lambda _folder: {"nodefs.available": Reading(1, 8 * GIB)}
    manager.look()
    assert condition_is(sandboxed.client.get("nodes", "node-1"), "DiskPressure")
    manager.read = lambda _folder: {"nodefs.available": Reading(8 * GIB, 8 * GIB)}
    manager.look()
    assert condition_is(sandboxed.client.get("nodes", "node-1"), "DiskPressure")
    manager._pressure = type(manager._pressure)({}, {"DiskPressure": -1e9})
    manager.look()
    assert not condition_is(sandboxed.client.get("nodes", "node-1"), "DiskPressure")


@pytest.mark.parametrize(
    ("script", "container", "spec", "message"),
    [
        (
            "head -c 3000000 /dev/zero >/cache/file; sleep 600",
            {"volumeMounts": [{"name": "cache", "mountPath": "/cache"}]},
            {"volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}]},
            'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
        ),
        (
            "head -c 3000000 /dev/zero >/var/file; sleep 600",
            {"resources": {"limits": {"ephemeral-storage": "2Mi"}}},
            {},
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
        ),
        (
            "yes line | head -c 3000000; sleep 600",
            {"resources": {"limits": {"ephemeral-storage": "2Mi"}}},
            {},
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
        ),
    ],
    ids=["emptyDir", "layer", "logs"],
)
def test_too_much_disk(sandboxed: Running, script: str, container: dict, spec: dict, message: str) -> None:
    sandboxed.create(command=shell(script), spec=spec, **container)
    sandboxed.ready()
    manager = eviction(sandboxed)

    def gone() -> bool:
        manager.look()
        return sandboxed.pod()["status"].get("reason") == "Evicted"

    until(gone, "the pod is evicted")
    assert sandboxed.pod()["status"]["message"] == message
