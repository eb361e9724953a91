"""Opening a state directory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.client import state_dir
from minikctl.client.local import LocalClient
from minikctl.util import processes


@pytest.mark.parametrize("setting", [True, False])
def test_every_process_flushes_as_the_cluster_is_set(tmp_path: Path, setting: bool) -> None:
    state_dir.ensure(tmp_path / "state", fsync=setting)
    client = LocalClient.on_files(tmp_path / "state", actor="test")
    assert client.api.store.fsync is setting
    assert LocalClient.on_files(tmp_path / "state", actor="test", fsync=not setting).api.store.fsync is not setting
    live = LocalClient.open(tmp_path / "state", actor="test")
    assert live.api.store.fsync is setting
    live.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that a pid file names as the cluster's."""
    with subprocess.Popen(["sleep", "600"]) as process:
        path = tmp_path / "state" / state_dir.SUPERVISOR
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{process.pid} {processes.start_time(process.pid)} 0\n")
        yield process
        process.kill()


def test_an_endless_watch_ends_with_the_cluster(tmp_path: Path, supervisor: subprocess.Popen[bytes]) -> None:
    state_dir.ensure(tmp_path / "state")
    client = LocalClient.on_files(tmp_path / "state", actor="test")
    told: list[str] = []
    client.on_warning(told.append)
    events = client.watch("namespaces")
    client.create("namespaces", {"metadata": {"name": "a"}})
    assert next(events).object["metadata"]["name"] == "a" and told == []
    client.create("namespaces", {"metadata": {"name": "b"}})
    supervisor.kill()
    supervisor.wait()
    assert [e.object["metadata"]["name"] for e in events] == ["b"]
    assert told == ["the cluster has stopped, and this watch with it"]
    client.close()


def test_a_watch_of_a_cluster_that_does_not_run_goes_on(tmp_path: Path) -> None:
    state_dir.ensure(tmp_path / "state")
    client = LocalClient.on_files(tmp_path / "state", actor="test")
    pid_file = tmp_path / "state" / state_dir.SUPERVISOR
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text("1 nobody 0\n")
    assert client._cluster_end()() is False
    assert list(client.watch("namespaces", timeout=0.05)) == []
    client.close()
