"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.cluster import TestCluster

# The same examples every time: what a new one finds is news for `make fuzz`, not for whoever changes something else.
settings.register_profile("same", derandomize=True, database=None)
settings.load_profile("default" if os.environ.get("MINIKCTL_FUZZ") else "same")


# Whoever starts the tests in the background of a script has them ignore SIGINT, and all that they start inherits it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    """The API on an empty state directory with the system namespaces; nothing runs."""
    made = TestCluster(tmp_path / "state")
    yield made
    made.close()
