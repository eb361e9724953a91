from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A cluster that can be started; stopped and looked for leftovers at the end."""
    made = Daemon(tmp_path / "state")
    yield made
    made.close()
