"""A cluster with one real node whose containers are sandboxed where that works; nothing of it may be left afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.kubelet.agent import RUNTIME, kill_everything
from minikctl.runtime.sandbox import bwrap
from tests.kubelet.test_process_agent import Running
from tests.runtime.conftest import processes_of


@pytest.fixture
def sandboxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """What is in `tmp_path/state/nodes/config.yaml` by then are its kubelet's settings."""
    refused = bwrap.probe(tmp_path / "probe")
    if refused:
        pytest.skip(f"no sandbox on this machine: {refused}")
    monkeypatch.setenv(RUNTIME, "sandbox")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []
