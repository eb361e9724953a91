"""Logs of real containers: lines without an end, rotation, following through all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.kubelet.agent import RUNTIME, kill_everything
from minikctl.kubelet.settings import parse
from minikctl.runtime.cri_log import rotated
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import processes_of, until


@pytest.fixture
def small_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A node that keeps three files of 20 kB of each log."""
    monkeypatch.setenv(RUNTIME, "process")
    settings = tmp_path / "state" / "nodes" / "node-1" / "config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("containerLogMaxSize: 20k\ncontainerLogMaxFiles: 3\n")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def log_of(node: Running) -> Path:
    folder = node.kubelet.runtime.pod_folder(node.pod()["metadata"]["uid"])
    return folder / "logs" / "app" / "0.log"


def test_settings() -> None:
    made = parse({"containerLogMaxSize": "1Mi", "containerLogMaxFiles": 2, "podPidsLimit": -1, "kind": "other"})
    assert (made.container_log_max_size, made.container_log_max_files, made.pod_pids_limit) == (1 << 20, 2, 0)


def test_a_question_is_shown_before_its_answer(small_logs: Running) -> None:
    small_logs.create(command=shell("printf 'Name? '; sleep 600"))
    small_logs.ready()
    until(lambda: small_logs.cluster.cli("logs", "web").out == "Name? ", "the question shows")


def test_huge_logs_are_bounded(small_logs: Running) -> None:
    small_logs.create(command=shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"), policy="Never")
    small_logs.wait(lambda p: bool(terminated(first(p))))
    log = log_of(small_logs)
    files = [*rotated(log), log]
    assert len(files) == 3
    assert sum(f.stat().st_size for f in files) < 100_000
    assert small_logs.cluster.cli("logs", "web", "--tail=1").out == "line 19999\n"


def test_following_across_rotation(small_logs: Running) -> None:
    """Each file holds some 350 lines. What is written is read at once, so that no file goes before it was read."""
    script = "i=0; while [ $i -lt 1500 ]; do echo line $i; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.1; done; sleep 1"
    small_logs.create(command=shell(script), policy="Never")
    small_logs.wait(lambda p: "running" in first(p)["state"])
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(small_logs.cluster.cli("logs", "-f", "web").out), daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive(), "following ends with the container"
    assert got[0].splitlines() == [f"line {i}" for i in range(1500)]
    assert rotated(log_of(small_logs))
