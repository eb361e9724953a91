"""State directories of older versions: data/ holds one as the first versions wrote it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from minikctl.client import state_dir as state
from minikctl.cluster import snapshots, start, upgrade
from minikctl.util.errors import EnvironmentProblem
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

OLD = Path(__file__).parent / "data" / "state-format-1.tar.gz"


def unpack(folder: Path) -> Path:
    with tarfile.open(OLD) as tar:
        tar.extractall(folder)
    return folder / "state"


def test_every_older_format_has_a_way_to_the_present_one() -> None:
    for older in state.OLDER:
        at = older
        while at != state.FORMAT:
            at = upgrade.STEPS[at][0]


def test_an_old_directory_is_brought_up_to_date_and_runs(daemon: Daemon) -> None:
    root = unpack(daemon.root.parent)
    before = daemon.client.get("deployments.apps", "web", "default")
    done = daemon.run("cluster", "start")
    assert done.code == 0 and "from format minikctl/1 to minikctl/2" in done.err, done.err
    assert json.loads((root / "cluster.json").read_text())["format"] == state.FORMAT
    after = daemon.client.get("deployments.apps", "web", "default")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert daemon.client.get("configmaps", "a", "default")["data"] == {"x": "1"}
    daemon.run("scale", "deployment", "web", "--replicas=3")
    assert daemon.run("rollout", "status", "deployment/web", "--timeout=30s").code == 0
    eventually(lambda: len(daemon.client.list("pods", "default")["items"]) == 3)
    assert daemon.run("cluster", "restart").err == ""


def test_there_is_a_backup_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = unpack(tmp_path)
    was = (root / "cluster.json").read_bytes()
    start.write_files(root)
    assert state.format_of(root) == "minikctl/1"  # reading does not upgrade
    with start.start_lock(root):
        upgrade.upgrade(root)
    with tarfile.open(snapshots.path_of(root, "before-upgrade-from-1")) as tar:
        kept = tar.extractfile("cluster.json")
        assert kept is not None and kept.read() == was
    snapshots.restore(root, snapshots.path_of(root, "before-upgrade-from-1"))
    assert state.format_of(root) == "minikctl/1"


def test_an_upgrade_that_was_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = unpack(tmp_path)
    target, step = upgrade.STEPS["minikctl/1"]

    def killed(_root: Path, _data: object) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setitem(upgrade.STEPS, "minikctl/1", (target, killed))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        upgrade.upgrade(root)
    assert state.format_of(root) == "minikctl/1"
    monkeypatch.setitem(upgrade.STEPS, "minikctl/1", (target, step))
    assert upgrade.upgrade(root).controlPlanes == 1
    assert len(list(snapshots.saved(root))) == 1


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    root = unpack(tmp_path)
    data = json.loads((root / "cluster.json").read_text())
    (root / "cluster.json").write_text(json.dumps({**data, "format": "minikctl/99"}))
    with pytest.raises(EnvironmentProblem, match="format minikctl/99 is not known to this version"):
        start.start(root)
