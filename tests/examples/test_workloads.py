"""The walk-throughs of the kinds of workload, as a person runs them: on real nodes with real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon

ROOT = Path(__file__).parent.parent.parent


def may_listen_on_port_80() -> bool:
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    return os.geteuid() == 0 or (first.exists() and int(first.read_text()) <= 80)


PORT_80 = may_listen_on_port_80()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One cluster of three nodes for all: each walk-through has a namespace of its own."""
    made = Daemon(tmp_path_factory.mktemp("examples") / "state")
    made.start("--nodes", "3")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("example", "shown"),
    [
        ("job", ["3.14159265358979", "job.batch/shares condition met", "job.batch/hopeless condition met"]),
        ("cronjob", ["Hello from the Kubernetes cluster", "job.batch/by-hand condition met"]),  # waits for a minute
        ("statefulset", ["web-2", "partitioned roll out complete: 3 new pods have been updated..."]),
        ("statefulset-storage", ["db-1 started\ndb-1 started", "data-db-1"]),
        ("daemonset", ['daemon set "watcher" successfully rolled out']),
        pytest.param(  # waits for metrics, which are taken every 15 seconds
            "autoscaling",
            ["New size: 1; reason: All metrics below target"],
            marks=pytest.mark.skipif(not PORT_80, reason="an ordinary user may not listen on port 80 here"),
        ),
        ("replicationcontroller", ["replication-controller  Created pod: hello-"]),
        pytest.param(
            "ingress",
            ["rewritten", "MY_SESSION", "is refused: there is no nginx here that could run a snippet"],
            marks=pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
        ),
        ("scheduling", ["found no node", "node/special added", "Preempted by pod", "was given special"]),
        ("storage", ["pod/reader condition met", "by-hand   5Gi"]),
    ],
)
def test_walkthrough(daemon: Daemon, tmp_path: Path, example: str, shown: list[str]) -> None:
    program = tmp_path / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / f"{example}.sh"), str(program)],
        env=daemon.environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{daemon.logs()[-3000:]}"
    assert [line for line in shown if line not in done.stdout] == []
