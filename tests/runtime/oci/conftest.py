from __future__ import annotations

import bz2
import gzip
import lzma
import resource
import shlex
from pathlib import Path

import pytest

from minikctl.runtime.oci.store import Store
from tests.runtime.oci import archives

IMPORTED_FOR_NOBODY = (bz2, gzip, lzma, resource, shlex)
"""Who is nobody in a part of a test may be unable to read the interpreter's own libraries."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def busybox() -> str:
    if not archives.BUSYBOX:
        pytest.skip("busybox is not installed (Debian: busybox-static)")
    return archives.BUSYBOX
