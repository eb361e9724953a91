"""The walk-throughs that start clusters of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, processes_below

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("example", "shown"),
    [
        ("ha", ["control-plane-", 'deployment "web" successfully rolled out', "became leader", "# Done."]),
        ("gitops", ["guestbook   Synced        Healthy", "application/guestbook rolled back to", "# Done."]),
        ("snapshots", ["The cluster in ", "is as it was at", "# Done."]),
        ("placement", ["was given", "Preempted", "nodegroup/workers has 0 to 3 nodes", "# Done."]),
    ],
)
def test_walkthrough(tmp_path: Path, example: str, shown: list[str]) -> None:
    program = tmp_path / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / f"{example}.sh"), str(program)],
        env=Daemon(tmp_path / "none").environment() | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert [line for line in shown if line not in done.stdout] == []
    assert processes_below(tmp_path) == []
