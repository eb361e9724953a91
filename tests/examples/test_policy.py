"""The walk-through of policies, as a person runs it: on simulated nodes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "state")
    made.start("--nodes", "3", "--simulated")
    yield made
    made.close()


@pytest.mark.slow
def test_policy(daemon: Daemon, tmp_path: Path) -> None:
    program = tmp_path / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / "policy.sh"), str(program)],
        env=daemon.environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    for text in ("evicted", "disruption budget", "Forbidden", "four replicas are enough, not 5"):
        assert text in done.stdout, text
    client = daemon.client
    assert client.list("validatingadmissionpolicies")["items"] == []
    assert not any(n["spec"].get("unschedulable") for n in client.list("nodes")["items"])
