"""Secrets and emptyDirs of medium Memory are in memory, and go with their pod."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from minikctl.kubelet.agent import kill_everything
from minikctl.runtime.process import memory
from tests.kubelet.test_process_agent import Running
from tests.runtime.conftest import until

if not memory.SHARED.is_dir():
    pytest.skip("this machine has no /dev/shm", allow_module_level=True)

VOLUMES = [
    {"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    {"name": "plain", "emptyDir": {}},
    {"name": "key", "secret": {"secretName": "s"}},
]
MOUNTS = [{"name": n, "mountPath": f"/{n}"} for n in ("fast", "plain", "key")]


def start(node: Running) -> Path:
    secret = {"metadata": {"name": "s"}, "data": {"word": base64.b64encode(b"sesame").decode()}}
    node.client.create("secrets", secret, "default")
    script = "cat /key/word; echo; echo fast >/fast/a; echo plain >/plain/a; sleep 600"
    node.create(command=["sh", "-c", script], volumeMounts=MOUNTS, spec={"volumes": VOLUMES})
    node.ready()
    node.said("sesame")
    return memory.root(node.kubelet.runtime.pod_folder("x").parent) / node.pod()["metadata"]["uid"]


def contents(folder: Path) -> bytes:
    return b" ".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_where_they_are(sandboxed: Running) -> None:
    kept = start(sandboxed)
    on_disk = sandboxed.kubelet.runtime.pod_folder(sandboxed.pod()["metadata"]["uid"]) / "volumes"
    until(lambda: b"fast" in contents(kept), "the container has written")
    assert b"sesame" in contents(kept) and b"plain" not in contents(kept)
    assert b"sesame" not in contents(on_disk) and b"fast" not in contents(on_disk)
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    sandboxed.client.delete("pods", "web", "default")
    until(lambda: sandboxed.pod() is None and not kept.exists(), "the memory is given back")


def test_a_stopped_cluster_keeps_none(sandboxed: Running) -> None:
    kept = start(sandboxed)
    sandboxed.agent.stop()
    kill_everything(sandboxed.root)
    assert not kept.parent.exists()


def test_what_a_crash_leaves(tmp_path: Path) -> None:
    pods = tmp_path / "pods"
    (pods / "known").mkdir(parents=True)
    found = [memory.place(pods / uid / "volumes" / "t" / "v") for uid in ("known", "lost")]
    assert all(found)
    from minikctl.runtime.process.folder import PodsFolder, remove_tree

    remove_tree(pods / "lost")
    folder = PodsFolder(tmp_path)
    folder.remove_lost_memory()
    assert memory.pods_in(folder.path) == ["known"]
    folder.remove_memory()
    assert not memory.root(folder.path).exists()


def test_somebody_elses_folder_is_not_used(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    pods = tmp_path / "pods"
    top = memory.root(pods)
    top.mkdir()
    try:
        os.chown(top, 65534, 65534)
        assert memory.place(pods / "u" / "volumes" / "t" / "v") is None
    finally:
        top.rmdir()
    assert memory.place(tmp_path / "elsewhere" / "u" / "volumes" / "t" / "v") is None
