from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.runtime.oci.store import Store
from tests.runtime.oci import archives


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def busybox() -> str:
    if not archives.BUSYBOX:
        pytest.skip("busybox is not installed (Debian: busybox-static)")
    return archives.BUSYBOX
