"""Where volumes are, and why they cannot be had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet import volumes
from minikctl.kubelet.volumes import Setting, VolumeProblem
from tests.controllers.claims import claim, mounting, volume
from tests.support.cluster import TestCluster

PVC, PV = "persistentvolumeclaims", "persistentvolumes"


def prepare(cluster: TestCluster, pod: Obj) -> volumes.Prepared:
    meta = {"namespace": "default", "uid": "u", **pod["metadata"]}
    return volumes.prepare(Setting(cluster.client, {**pod, "metadata": meta}, "node-1", cluster.root / "pods" / "u"))


def why_not(cluster: TestCluster, pod: Obj) -> str:
    with pytest.raises(VolumeProblem) as e:
        prepare(cluster, pod)
    return str(e.value)


def using(**source: object) -> Obj:
    return mounting(volumes=[{"name": "v", **source}])


def bind(cluster: TestCluster, **spec: object) -> None:
    made = cluster.client.create(PVC, claim(volumeName="pv"), "default")
    cluster.client.patch(PVC, "data", {"status": {"phase": "Bound"}}, "default", subresource="status")
    ref = {"namespace": "default", "name": "data", "uid": made["metadata"]["uid"]}
    cluster.client.create(PV, volume("pv", claimRef=ref, **spec))


def test_every_source_is_served_once() -> None:
    assert {"persistentVolumeClaim", "ephemeral", "hostPath", "emptyDir", "nfs", "csi"} <= set(volumes.sources())


def test_a_claim_leads_to_the_directory_of_its_volume(cluster: TestCluster, tmp_path: Path) -> None:
    bind(cluster, hostPath={"path": str(tmp_path / "disk"), "type": "DirectoryOrCreate"})
    assert prepare(cluster, mounting()) == {"v": tmp_path / "disk"} and (tmp_path / "disk").is_dir()


def test_a_local_volume_must_be_there_and_be_the_node_s(cluster: TestCluster, tmp_path: Path) -> None:
    cluster.client.create("nodes", {"metadata": {"name": "node-1", "labels": {"disk": "ssd"}}})
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    bind(cluster, local={"path": str(tmp_path / "disk")}, nodeAffinity=affinity)
    text = f'MountVolume.NewMounter initialization failed for volume "pv" : path "{tmp_path / "disk"}" does not exist'
    assert why_not(cluster, mounting()) == text
    (tmp_path / "disk").mkdir()
    assert prepare(cluster, mounting()) == {"v": tmp_path / "disk"}
    cluster.client.patch("nodes", "node-1", {"metadata": {"labels": {"disk": "hdd"}}})
    assert why_not(cluster, mounting()).endswith('volume "pv" : no matching NodeSelectorTerms')


CANNOT = [
    ({"nfs": {"server": "s", "path": "/"}}, "volumes of type nfs cannot be mounted by minikctl"),
    ({"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "h"}}, "driver name ebs.csi.aws.com not found"),
]


@pytest.mark.parametrize(("source", "why"), CANNOT)
def test_what_needs_a_network_or_a_driver(cluster: TestCluster, source: Obj, why: str) -> None:
    bind(cluster, **source)
    assert why in why_not(cluster, mounting())
    assert why in why_not(cluster, using(**source))


def test_claims_that_are_not_ready(cluster: TestCluster) -> None:
    assert why_not(cluster, mounting()).endswith('from API server: persistentvolumeclaims "data" not found')
    cluster.client.create(PVC, claim(), "default")
    assert why_not(cluster, mounting()) == (
        "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process "
        "volumes=[v]: error processing PVC default/data: PVC is not bound"
    )


HOST_PATHS = [
    ("", "missing", True, ""),
    ("Directory", "folder", False, ""),
    ("Directory", "missing", False, "is not a directory"),
    ("DirectoryOrCreate", "missing", True, ""),
    ("DirectoryOrCreate", "file", False, "is not a directory"),
    ("File", "file", False, ""),
    ("File", "folder", False, "is not a file"),
    ("FileOrCreate", "missing", True, ""),
    ("Socket", "file", False, "is not a socket file"),
    ("CharDevice", "file", False, "is not a character device"),
    ("BlockDevice", "file", False, "is not a block device"),
    ("FileOrCreate", "no/such/file", False, "No such file or directory"),
]


@pytest.mark.parametrize(("kind", "path", "made", "why"), HOST_PATHS)
def test_host_path_types(cluster: TestCluster, tmp_path: Path, kind: str, path: str, made: bool, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    pod = using(hostPath={"path": str(tmp_path / path), "type": kind})
    if why:
        assert why in why_not(cluster, pod)
    else:
        assert prepare(cluster, pod) == {"v": tmp_path / path}
        assert (tmp_path / path).exists() and (not made or (tmp_path / path).is_file() == (kind == "FileOrCreate"))


def test_an_empty_dir_is_the_pod_s_own(cluster: TestCluster) -> None:
    (found,) = prepare(cluster, using(emptyDir={})).values()
    assert found.is_relative_to(cluster.root / "pods" / "u") and found.is_dir()


def test_what_is_not_served_is_left_out(cluster: TestCluster) -> None:
    assert prepare(cluster, using(configMap={"name": "x"})) == {}


def test_mounts_and_parts_of_volumes(tmp_path: Path) -> None:
    container = {
        "volumeMounts": [
            {"name": "v", "mountPath": "/data", "readOnly": True},
            {"name": "v", "mountPath": "/part", "subPath": "a/b"},
            {"name": "other", "mountPath": "/x"},
        ]
    }
    whole, part = volumes.mounts(container, {"v": tmp_path})
    assert (whole.host_path, whole.container_path, whole.read_only) == (str(tmp_path), "/data", True)
    assert part.host_path == str(tmp_path / "a" / "b") and (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("part", ["link", "link/deeper", "../x"])
def test_a_part_does_not_lead_out_of_its_volume(tmp_path: Path, part: str) -> None:
    (tmp_path / "v").mkdir()
    os.symlink(tmp_path, tmp_path / "v" / "link")
    container = {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": part}]}
    with pytest.raises(VolumeProblem, match="leads out of it"):
        volumes.mounts(container, {"v": tmp_path / "v"})
