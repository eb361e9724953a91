"""The walk-throughs of the kinds of workload, as a person runs them: on real nodes with real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.daemon import Daemon

ROOT = Path(__file__).parent.parent.parent


def may_listen_on_port_80() -> bool:
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    return os.geteuid() == 0 or (first.exists() and int(first.read_text()) <= 80)


PORT_80 = may_listen_on_port_80()


needs_port_80 = pytest.mark.skipif(not PORT_80, reason="an ordinary user may not listen on port 80 here")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
SHOWN: dict[str, list[str]] = {
    "job": ["3.14159265358979", "job.batch/shares condition met", "job.batch/hopeless condition met"],
    "cronjob": ["Hello from the Kubernetes cluster", "job.batch/by-hand condition met"],  # waits for a minute
    "statefulset": ["web-2", "partitioned roll out complete: 3 new pods have been updated..."],
    "statefulset-storage": ["db-1 started\ndb-1 started", "data-db-1"],
    "daemonset": ['daemon set "watcher" successfully rolled out'],
    "replicationcontroller": ["replication-controller  Created pod: hello-"],
    "revisions": ["podtemplate/greeter", "daemonset.apps/agent rolled back"],
    "storage": ["pod/reader condition met", "by-hand   5Gi"],
    "lifecycle": ["[pod/talks/reader] said: hello", "job.batch/with-sidecar condition met"],
    "images": ["Successfully tagged images-example:1"],
    "rollouts": ["Version: 2.0.0", "deployment.apps/rolling rolled back"],
    "blue-green": ['deployment.apps "blue" deleted'],
    "canary": ["50 of 50 answers came from the new version"],
    "draining": ["answered by slow-"],
    "autoscaling": ["New size: 1; reason: All metrics below target"],  # waits for metrics, taken every 15 seconds
    "ingress": ["rewritten", "MY_SESSION", "is refused: there is no nginx here that could run a snippet"],
    "network": ["Name:\tmyservice.network.svc.cluster.local", "SelectorMatchesNothing", "PolicyDenies", "# Done."],
    "network-policy": [],
    "scheduling": ["found no node", "node/special added", "Preempted by pod", "was given special"],
    "nodes": ["node/spare stopped", "node/spare started"],
}
"""Each walk-through with lines that it must show; what else it promises, it checks itself."""

TOGETHER = [
    pytest.param(["cronjob", "job", "statefulset", "statefulset-storage", "revisions", "storage"], id="workloads"),
    pytest.param(["daemonset", "replicationcontroller", "images", "lifecycle"], id="images"),
    pytest.param(["rollouts", "blue-green", "canary", "draining"], id="delivery"),
    pytest.param(["autoscaling"], id="autoscaling", marks=needs_port_80),
    pytest.param(["ingress"], id="ingress", marks=needs_curl),
    pytest.param(["network", "network-policy"], id="network", marks=needs_curl),
]
"""What does not disturb each other. They wait most of the time: side by side that costs little."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One cluster of three nodes for all: each walk-through has a namespace of its own."""
    made = Daemon(tmp_path_factory.mktemp("examples") / "state")
    made.start("--nodes", "3")
    yield made
    made.close()


def walk(daemon: Daemon, folder: Path, example: str) -> str:
    """Run one; what is wrong with it, or nothing."""
    folder.mkdir()
    program = folder / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    try:
        done = subprocess.run(
            ["sh", str(ROOT / "examples" / f"{example}.sh"), str(program)],
            env=daemon.environment() | {"TMPDIR": str(folder)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        return f"{example} does not end: {(e.stdout or b'').decode()[-3000:]}"
    if done.returncode != 0:
        return f"{example}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    left = [] if NOT_HERE in done.stdout else [line for line in SHOWN[example] if line not in done.stdout]
    return f"{example} does not show {left}: {done.stdout[-3000:]}" if left else ""


NOT_HERE = "There is no "
"""What a walk-through begins with that lacks a program."""


def walks(daemon: Daemon, folder: Path, examples: list[str], at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        wrong = list(filter(None, pool.map(lambda e: walk(daemon, folder / e, e), examples)))
    assert not wrong, "\n".join([*wrong, daemon.logs()[-3000:]])


@pytest.mark.parametrize("examples", TOGETHER)
def test_walkthroughs(daemon: Daemon, tmp_path: Path, examples: list[str]) -> None:
    if "network" in examples and not daemon.has_network:
        pytest.skip("this machine does not let us make network namespaces")
    walks(daemon, tmp_path, examples, 4)


def test_nodes_that_come_and_go(daemon: Daemon, tmp_path: Path) -> None:
    """One after the other, since pods of others could get there."""
    walks(daemon, tmp_path, ["scheduling", "nodes"], 1)


def test_every_walkthrough_has_a_test() -> None:
    there = {p.stem for p in (ROOT / "examples").glob("*.sh")}
    elsewhere = {"walkthrough", "policy", "ha", "gitops", "snapshots", "placement", "frame", "own"}
    exercises = {"exercises", "exercises-configuration", "exercises-workloads"}
    assert there - elsewhere - exercises == set(SHOWN)
    run = {e for p in TOGETHER for e in p.values[0]} | {"scheduling", "nodes"}  # type: ignore[union-attr]
    assert run == set(SHOWN)
