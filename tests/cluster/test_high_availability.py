"""Several control planes as processes: killing whoever leads hands over, and nothing is done twice."""

from __future__ import annotations

import socket

from minikctl.client import state_dir as state
from minikctl.cluster import high_availability, layout, processes
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

QUICK = (
    "--leader-elect-lease-duration=1s",
    "--leader-elect-renew-deadline=700ms",
    "--leader-elect-retry-period=200ms",
)


def holder(daemon: Daemon, lease: str) -> str:
    return str(daemon.client.get("leases", lease, "kube-system")["spec"].get("holderIdentity") or "")


def test_killing_the_leaders_hands_over(daemon: Daemon) -> None:
    daemon.start("--simulated", "--control-planes=3", *QUICK)
    daemon.run("create", "deployment", "web", "--image=nginx", "--replicas=3")
    eventually(lambda: len(high_availability.leaders(daemon.root)) == 2)
    for round_ in range(1, 3):
        leaders = high_availability.leaders(daemon.root)
        before = {lease: holder(daemon, lease) for lease in leaders}
        for lease, plane in leaders.items():
            daemon.kill(f"{lease.removeprefix('kube-')}-{plane[-1]}")
        eventually(lambda: all(holder(daemon, n) not in ("", b) for n, b in before.items()))  # noqa: B023
        daemon.client.patch("deployments.apps", "web", {"spec": {"replicas": 3 + round_}}, "default")
        eventually(lambda: ready(daemon) == 3 + round_)  # noqa: B023
    assert len(daemon.client.list("pods", "default")["items"]) == 5
    rows = [line.split() for line in daemon.run("cluster", "status").out.splitlines()]
    assert sorted(r[0].rpartition("-")[0] for r in rows if "leading" in r) == ["controller-manager", "scheduler"]
    assert daemon.run("cluster", "stop").code == 0
    assert not high_availability.leaders(daemon.root)  # given back in good order


def ready(daemon: Daemon) -> int:
    status = daemon.client.get("deployments.apps", "web", "default").get("status", {})
    return int(status.get("readyReplicas") or 0)


def test_any_api_server_answers_while_another_one_is_gone(daemon: Daemon) -> None:
    daemon.start("--simulated", "--control-planes=2", *QUICK)
    cluster = state.load(daemon.root)
    assert cluster is not None and cluster.controlPlanes == 2
    eventually(lambda: len(announced(daemon)) == 2)
    daemon.kill(f"{layout.API_SERVER}-1")
    for _ in range(5):
        done = daemon.run("get", "--raw", "/readyz", "--server", cluster.server, "--insecure-skip-tls-verify")
        assert done.code == 0 and done.out.strip() == "ok", done.err
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=20):
        pass


def announced(daemon: Daemon) -> list[str]:
    names = [x["metadata"]["name"] for x in daemon.client.list("leases", "kube-system")["items"]]
    return [n for n in names if n.startswith("apiserver-")]


def test_one_control_plane_has_no_election(daemon: Daemon) -> None:
    daemon.start("--simulated", "--control-planes=2", *QUICK)
    assert daemon.run("cluster", "restart", "--control-planes=1").code == 0
    eventually(lambda: processes.read(layout.pid_file(daemon.root, layout.CONTROLLER_MANAGER)) is not None)
    assert daemon.client.list("leases", "kube-system")["items"] == []


def test_settings_that_cannot_work(daemon: Daemon) -> None:
    done = daemon.run("cluster", "start", "--control-planes=0")
    assert (done.code, done.err) == (1, "error: --control-planes must be between 1 and 9\n")
    done = daemon.run("cluster", "start", "--leader-elect-lease-duration=5s")
    assert done.code == 1 and "the lease duration must be longer than the renew deadline" in done.err
    assert not daemon.root.exists()
