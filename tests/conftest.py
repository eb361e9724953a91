"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.cluster import TestCluster

# The same examples every time: what a new one finds is news for `make fuzz`, not for whoever changes something else.
settings.register_profile("same", derandomize=True, database=None)
settings.load_profile("default" if os.environ.get("MINIKCTL_FUZZ") else "same")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    """The API on an empty state directory with the system namespaces; nothing runs."""
    made = TestCluster(tmp_path / "state")
    yield made
    made.close()
