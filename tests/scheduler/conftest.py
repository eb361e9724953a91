"""A scheduler on a real store, in the test's own thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scheduler.bench import Bench
from tests.support.cluster import TestCluster


@pytest.fixture
def bench(cluster: TestCluster) -> Iterator[Bench]:
    made = Bench(cluster)
    yield made
    made.close()
