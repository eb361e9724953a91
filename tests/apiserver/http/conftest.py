"""A served cluster and a plain client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.cluster import TestCluster
from tests.support.http import serving


@pytest.fixture
def live(tmp_path: Path) -> Iterator[TestCluster]:
    made = TestCluster(tmp_path / "state", live=True)
    yield made
    made.close()


@pytest.fixture
def http(live: TestCluster) -> Iterator[httpx.Client]:
    with serving(live) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client
