"""Volumes of real processes: what one pod wrote, the next one reads."""

from __future__ import annotations

from pathlib import Path

from tests.controllers.claims import claim, volume
from tests.kubelet.test_process_agent import Running, node, waiting

__all__ = ["node"]
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
CLAIM = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}


def bind(node: Running, **source: object) -> None:
    made = node.client.create("pvc", claim(volumeName="pv"), "default")
    node.client.patch("pvc", "data", {"status": {"phase": "Bound"}}, "default", subresource="status")
    ref = {"namespace": "default", "name": "data", "uid": made["metadata"]["uid"]}
    node.client.create("pv", volume("pv", claimRef=ref, **source))


def test_data_outlives_the_pod(node: Running, tmp_path: Path) -> None:
    bind(node, hostPath={"path": str(tmp_path / "disk")})
    node.create("first", command=("sh", "-c", "echo kept > data/file; sleep 600"), spec=CLAIM, **MOUNT)
    node.ready("first")
    node.wait(lambda _pod: (tmp_path / "disk" / "file").exists(), "a file on the volume", "first")
    node.client.delete("pods", "first", "default")
    node.create("second", command=("sh", "-c", "cat data/file; sleep 600"), spec=CLAIM, **MOUNT)
    node.said("kept", "second")
    assert (tmp_path / "disk" / "file").read_text() == "kept\n"


def test_containers_share_an_empty_dir_and_it_goes_with_the_pod(node: Running) -> None:
    init = {"name": "init", "image": "busybox", "command": ["sh", "-c", "echo from-init > data/file"], **MOUNT}
    spec = {"volumes": [{"name": "v", "emptyDir": {}}]}
    made = node.create(command=("sh", "-c", "cat data/file; sleep 600"), inits=[init], spec=spec, **MOUNT)
    node.said("from-init")
    folder = node.kubelet.runtime.pod_folder(made["metadata"]["uid"])
    assert (folder / "volumes" / "kubernetes.io~empty-dir" / "v" / "file").exists()


def test_a_volume_that_cannot_be_mounted_is_said_so_and_nothing_starts(node: Running) -> None:
    node.create(spec={"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}, **MOUNT)
    node.wait(lambda p: waiting(p, "ContainerCreating"), "ContainerCreating")
    reason, text = node.events()[0]
    assert reason == "FailedMount" and text.startswith('MountVolume.SetUp failed for volume "v" : volumes of type nfs')
    assert not node.kubelet.runtime.pod_state(node.pod()["metadata"]["uid"]).sandboxes
