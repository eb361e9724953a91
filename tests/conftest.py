"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import TestCluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    """The API on an empty state directory with the system namespaces; nothing runs."""
    made = TestCluster(tmp_path / "state")
    yield made
    made.close()
