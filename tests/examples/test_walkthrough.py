"""The main job, as the demo runs it: on a real cluster with real containers."""

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
    yield made
    made.close()


def test_the_walkthrough(daemon: Daemon, tmp_path: Path) -> None:
    program = tmp_path / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / "walkthrough.sh"), str(program)],
        env=daemon.environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{daemon.logs()[-3000:]}"
    assert "Version: 1.0.0" in done.stdout and "Version: 2.0.0" in done.stdout
    assert "kubectl-create" in done.stdout and "kubelet/node-1" in done.stdout
