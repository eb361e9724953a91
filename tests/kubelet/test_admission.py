"""Which pods a node takes, and what it says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.scheduling import amounts, host_ports, pod_requests
from minikctl.kubelet.admission import ADMITTED, look, sysctls

NODE = {"metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux", "disk": "ssd"}}, "spec": {}}
ROOM = amounts({"cpu": "2", "memory": "1Gi", "pods": "3", "ephemeral-storage": "10Gi"})
NO_EXECUTE = {"key": "k", "effect": "NoExecute"}


def pod(labels: dict[str, str] | None = None, cpu: str = "", port: int = 0, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    if port:
        container["ports"] = [{"containerPort": port, "hostPort": port}]
    return {"metadata": {"name": "p", "labels": labels or {}}, "spec": {"containers": [container], **spec}}


def asks(name: str, amount: str) -> dict[str, Any]:
    return pod(containers=[{"name": "c", "resources": {"requests": {name: amount}}}])


def decide(wish: dict[str, Any], here: list[dict[str, Any]], taints: list[Any] | None = None) -> tuple[str, str]:
    node = {**NODE, "spec": {"taints": taints or []}}
    taken = [pod_requests(p["spec"]) for p in here]
    ports = [port for p in here for port in host_ports(p["spec"])]
    return look(wish, node, pod_requests(wish["spec"]), ROOM, taken, ports).refusal


@pytest.mark.parametrize(
    ("wish", "here", "reason", "message"),
    [
        (pod(cpu="2"), [], "", ""),
        (pod(cpu="1500m"), [pod(cpu="500m")], "", ""),
        (
            pod(cpu="1500m"),
            [pod(cpu="501m")],
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 1500, used: 501, capacity: 2000",
        ),
        (
            asks("memory", "2Gi"),
            [],
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
        ),
        (asks("ephemeral-storage", "11Gi"), [], "OutOfephemeral-storage", None),
        (asks("example.com/gpu", "1"), [], "", ""),
        (
            pod(),
            [pod(), pod(), pod()],
            "OutOfpods",
            "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
        ),
        (pod(nodeSelector={"disk": "ssd"}), [], "", ""),
        (
            pod(nodeSelector={"disk": "hdd"}),
            [],
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ),
        (pod(port=80), [pod(port=81)], "", ""),
        (
            pod(port=80),
            [pod(port=80)],
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        ),
        (pod({"kubernetes.io/os": "windows"}), [], "PodOSSelectorNodeLabelDoesNotMatch", None),
        (pod(os={"name": "windows"}), [], "PodOSNotSupported", None),
        (pod(os={"name": "linux"}), [], "", ""),
    ],
)
def test_what_a_node_can_give(wish: dict[str, Any], here: list[Any], reason: str, message: str | None) -> None:
    found = decide(wish, here)
    assert found[0] == reason
    assert message is None or found[1] == message


@pytest.mark.parametrize(
    ("taint", "tolerations", "reason"),
    [
        (NO_EXECUTE, [], "TaintToleration"),
        (NO_EXECUTE, [{"operator": "Exists"}], ""),
        ({"key": "k", "effect": "NoSchedule"}, [], ""),
    ],
)
def test_taints_that_drive_pods_away(taint: Any, tolerations: Any, reason: str) -> None:
    assert decide(pod(tolerations=tolerations), [], [taint])[0] == reason


def sysctl(title: str, **spec: Any) -> dict[str, Any]:
    return pod(securityContext={"sysctls": [{"name": title, "value": "1"}]}, **spec)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (sysctl("kernel.shm_rmid_forced"), ""),
        (sysctl("net.ipv4.tcp_syncookies"), ""),
        (sysctl("net/ipv4/tcp_syncookies"), ""),
        (sysctl("kernel.msgmax"), 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
        (sysctl("vm.swappiness"), 'forbidden sysctl: "vm.swappiness" not allowlisted'),
        (
            sysctl("net.ipv4.tcp_syncookies", hostNetwork=True),
            'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
        ),
        (
            sysctl("kernel.shm_rmid_forced", hostIPC=True),
            'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
        ),
        (sysctl("kernel.shm_rmid_forced", hostNetwork=True), ""),
    ],
)
def test_sysctls(wish: dict[str, Any], message: str) -> None:
    assert decide(wish, []) == (("SysctlForbidden", message) if message else ADMITTED)


def test_names_of_sysctls() -> None:
    assert list(sysctls(sysctl("net/ipv4/conf/eth0.1/forwarding"))) == ["net.ipv4.conf.eth0/1.forwarding"]


def test_what_is_looked_at_first() -> None:
    both = pod(cpu="3", nodeSelector={"disk": "hdd"})
    assert decide(both, [])[0] == "OutOfcpu"
    assert decide(pod(), []) == ADMITTED
