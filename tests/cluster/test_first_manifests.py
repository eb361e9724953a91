"""The manifests that a beginner's course begins with run as they are written, and leave no trace on the host."""

from __future__ import annotations

import os
import resource  # noqa: F401 - nobody may not read the interpreter of the tests, and could not import it later
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from minikctl.api.meta import condition_is
from minikctl.client import DeleteOptions
from minikctl.kubelet.agent import kill_everything
from minikctl.runtime.sandbox import bwrap
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import processes_of, until
from tests.support.daemon import Daemon
from tests.support.ordinary_user import as_ordinary_user, open_folder
from tests.support.waiting import eventually

MANIFESTS = Path(__file__).parent / "manifests"
ELSEWHERE = {"/proc", "/sys", "/tmp", "/dev", "/run", "/work", "/root", "/var/lib/apt", "/var/cache", "/var/log"}
"""Folders that others write to while a test runs."""


def host_tree(depth: int = 3) -> set[str]:
    """The names of the host's files, not too deep, apart from places where others are at work."""
    found: set[str] = set()

    def look(folder: str, left: int) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            return
        for entry in entries:
            if entry.path in ELSEWHERE:
                continue
            found.add(entry.path)
            if left and entry.is_dir(follow_symlinks=False):
                look(entry.path, left - 1)

    look("/", depth)
    return found


def written(path: str) -> tuple[int, int]:
    """When a folder of the host's was changed, and who owns it."""
    entry = os.stat(path)
    return entry.st_mtime_ns, entry.st_uid


PLACES = [p for p in ("/", "/mnt", "/opt", "/srv", "/etc", "/usr", "/usr/bin", "/usr/share") if os.path.isdir(p)]


def is_slow(pod: dict) -> bool:
    """This server says for 15 seconds that it is not ready: probes are what it is for."""
    return pod["metadata"]["name"] == "probed" and pod.get("status", {}).get("phase") == "Running"


def test_they_run_as_written(daemon: Daemon) -> None:
    if refused := bwrap.probe(daemon.root.parent / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    before, places = host_tree(), {p: written(p) for p in PLACES}
    daemon.start()
    done = daemon.run("apply", "-f", str(MANIFESTS))
    assert (done.code, done.err) == (0, "")
    wanted = {"prepared", "plain", "front", "probed", "many", "few"}

    def ready() -> bool:
        pods = daemon.client.list("pods", "default")["items"]
        names = {p["metadata"]["name"].split("-")[0] for p in pods}
        return len(pods) == 10 and names == wanted and all(condition_is(p, "Ready") or is_slow(p) for p in pods)

    eventually(ready, timeout=60)
    assert daemon.run("logs", "prepared").out == "ready\n"
    assert daemon.run("exec", "prepared", "--", "ls", "/docs/html").out == "index.html\n"
    assert daemon.run("delete", "-f", str(MANIFESTS), "--now").code == 0
    assert daemon.run("cluster", "stop").code == 0
    assert {p: written(p) for p in PLACES} == places
    assert host_tree() - before == set() and before - host_tree() == set()


def pods_in(path: Path) -> list[dict]:
    return [d for d in yaml.safe_load_all(path.read_text()) if d["kind"] == "Pod"]


def on_one_node(folder: Path, check: Callable[[Running], None]) -> None:
    refused = bwrap.probe(folder / "probe")
    assert not refused, refused
    node = Running(folder / "state")
    try:
        check(node)
    finally:
        node.agent.stop()
        kill_everything(node.root)
        node.cluster.close()
    assert processes_of(node.root) == []


def prepared_runs(node: Running) -> None:
    (pod,) = pods_in(MANIFESTS / "prepared.yaml")
    pod["spec"] |= {"nodeName": "node-1", "automountServiceAccountToken": False}
    node.client.create("pods", pod, "default")
    node.ready("prepared")
    node.said("ready", "prepared")
    assert terminated(node.pod("prepared")["status"]["initContainerStatuses"][0])["exitCode"] == 0
    assert first(node.pod("prepared"))["containerID"].startswith("minikctl-sandbox://")
    node.client.delete("pods", "prepared", "default", options=DeleteOptions(grace_period=1))
    until(lambda: node.pod("prepared") is None, "the pod is gone", 40)


def test_as_an_ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part with a volume at a place that the host has too."""
    monkeypatch.delenv("MINIKCTL_RUNTIME", raising=False)
    if refused := bwrap.probe(Path("/tmp") / f"minikctl-probe-{os.getpid()}"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    before, places = host_tree(), {p: written(p) for p in PLACES}
    if os.geteuid() == 0:
        with open_folder() as folder:  # as root first: what is imported on the way, nobody could not
            on_one_node(folder, prepared_runs)
    with open_folder() as folder:
        as_ordinary_user(folder, lambda: on_one_node(folder, prepared_runs))
    assert {p: written(p) for p in PLACES} == places
    assert host_tree() - before == set()
