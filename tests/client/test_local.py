"""Opening a state directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.client import state_dir
from minikctl.client.local import LocalClient


@pytest.mark.parametrize("setting", [True, False])
def test_every_process_flushes_as_the_cluster_is_set(tmp_path: Path, setting: bool) -> None:
    state_dir.ensure(tmp_path / "state", fsync=setting)
    client = LocalClient.on_files(tmp_path / "state", actor="test")
    assert client.api.store.fsync is setting
    assert LocalClient.on_files(tmp_path / "state", actor="test", fsync=not setting).api.store.fsync is not setting
    live = LocalClient.open(tmp_path / "state", actor="test")
    assert live.api.store.fsync is setting
    live.close()
