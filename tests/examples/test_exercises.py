"""Two hundred commands in the manner of a certification's exercises, on real nodes with real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon

ROOT = Path(__file__).parent.parent.parent
LEAST = {"configuration": 102, "workloads": 102}
"""How many commands each book shows; what it asks in between comes on top."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "state")
    made.start("--nodes", "2")
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("book", list(LEAST))
def test_exercises(daemon: Daemon, tmp_path: Path, book: str) -> None:
    program = tmp_path / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / f"exercises-{book}.sh"), str(program)],
        env=daemon.environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{daemon.logs()[-3000:]}"
    if done.stdout.startswith("There is no sandbox"):
        pytest.skip(done.stdout.strip())
    assert done.stdout.endswith("All exercises done.\n")
    assert done.stdout.count("\n$ minikctl ") >= LEAST[book]


def test_they_are_two_hundred() -> None:
    assert sum(LEAST.values()) >= 200
