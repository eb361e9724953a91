"""One server for a module: its tests use names of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.https import HTTPS, serving_https


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTPS]:
    with serving_https(tmp_path_factory.mktemp("https") / "state") as made:
        yield made
