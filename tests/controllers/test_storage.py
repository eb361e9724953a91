"""Volumes that are made, grown, protected and deleted, on the disk too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name
from minikctl.api.volumes import SELECTED_NODE
from minikctl.client import DeleteOptions
from minikctl.controllers.ephemeral_volume import EphemeralVolumeController
from minikctl.controllers.garbage_collector import CONTROLLER as GarbageCollector
from minikctl.controllers.persistent_volume import PersistentVolumeController
from minikctl.controllers.pv_protection import PVProtectionController
from minikctl.controllers.pvc_protection import PVCProtectionController
from minikctl.controllers.volume_provisioner import VolumeProvisioner, is_resizing, resized, resizing
from tests.controllers.claims import claim, mounting, storage_class, volume
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

PV, PVC = "persistentvolumes", "persistentvolumeclaims"


@pytest.fixture
def plane(plane_of: MakePlane, tmp_path: Path) -> ControlPlane:
    controllers = (
        PersistentVolumeController,
        VolumeProvisioner,
        PVCProtectionController,
        PVProtectionController,
        EphemeralVolumeController,
        GarbageCollector,
    )
    return plane_of(*controllers, kubelet=False, settings={"state_dir": str(tmp_path / "state")})


def made_for(plane: ControlPlane, claim_name: str = "data") -> Obj:
    """The volume of a claim that is bound."""
    found = plane.cluster.client.get(PVC, claim_name, "default")
    assert found["status"]["phase"] == "Bound", found
    return plane.cluster.client.get(PV, found["spec"]["volumeName"])


def provision(plane: ControlPlane, wanted: Obj | None = None, **fields: object) -> Obj:
    plane.cluster.client.create("storageclasses", storage_class(**fields))  # type: ignore[arg-type]
    plane.cluster.client.create(PVC, wanted or claim(storageClassName="fast"), "default")
    plane.settle()
    return plane.cluster.client.get(PVC, "data", "default")


def names(plane: ControlPlane, kind: str) -> list[str]:
    return [name(o) for o in plane.cluster.client.list(kind)["items"]]


def said(plane: ControlPlane) -> list[str]:
    return [e["reason"] for e in plane.cluster.client.list("events")["items"]]


# ---------------------------------------------------------------------- made


def test_a_directory_is_made_for_a_claim(plane: ControlPlane) -> None:
    wanted = provision(plane, mountOptions=["noatime"])
    made = made_for(plane)
    assert name(made) == f"pvc-{wanted['metadata']['uid']}"
    folder = Path(made["spec"]["hostPath"]["path"])
    assert folder.is_dir() and folder.parent.name == "volumes" and folder.stat().st_mode & 0o777 == 0o777
    assert wanted["status"] == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Delete" and made["spec"]["mountOptions"] == ["noatime"]
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    assert sorted(said(plane)) == ["ExternalProvisioning", "Provisioning", "ProvisioningSucceeded"]
    plane.assert_at_rest()


def test_a_class_that_waits_has_nothing_made_before_there_is_a_node(plane: ControlPlane) -> None:
    provision(plane, volumeBindingMode="WaitForFirstConsumer")
    assert names(plane, PV) == []
    plane.cluster.client.patch(PVC, "data", {"metadata": {"annotations": {SELECTED_NODE: "node-1"}}}, "default")
    plane.settle()
    assert name(made_for(plane)).startswith("pvc-")


REFUSED = [
    ({"selector": {"matchLabels": {"a": "b"}}}, {}, "claim Selector is not supported"),
    ({"volumeMode": "Block"}, {}, "makes directories, not block devices"),
    ({"dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}}, {}, "cannot copy a data source"),
    ({}, {"parameters": {"type": "ssd"}}, "knows no parameters: type"),
]


@pytest.mark.parametrize(("spec", "fields", "why"), REFUSED)
def test_what_cannot_be_made_is_said(plane: ControlPlane, spec: Obj, fields: Obj, why: str) -> None:
    provision(plane, claim(storageClassName="fast", **spec), **fields)
    assert names(plane, PV) == []
    events = plane.cluster.client.list("events")["items"]
    failed = [e["message"] for e in events if e["reason"] == "ProvisioningFailed"]
    assert len(failed) == 1 and failed[0].startswith('failed to provision volume with StorageClass "fast": ')
    assert failed[0].endswith(why)
    plane.assert_at_rest()


# ---------------------------------------------------------------------- grown


def test_a_claim_grows_when_its_class_allows_it(plane: ControlPlane) -> None:
    provision(plane, allowVolumeExpansion=True)
    more = {"spec": {"resources": {"requests": {"storage": "3Gi"}}}}
    plane.cluster.client.patch(PVC, "data", more, "default")
    plane.settle()
    status = plane.cluster.client.get(PVC, "data", "default")["status"]
    assert status["capacity"] == status["allocatedResources"] == {"storage": "3Gi"}
    assert "conditions" not in status and "allocatedResourceStatuses" not in status
    assert made_for(plane)["spec"]["capacity"] == {"storage": "3Gi"}
    assert {"ExternalExpanding", "Resizing", "VolumeResizeSuccessful"} <= set(said(plane))
    with pytest.raises(ApiError, match=r"field can not be less than status.capacity"):
        plane.cluster.client.patch(PVC, "data", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, "default")
    plane.assert_at_rest()


def test_what_a_claim_says_while_it_grows() -> None:
    other = {"type": "Other", "status": "True"}
    before = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": [other]}
    during = resizing(before, "3Gi", "2026-01-01T00:00:00Z")
    assert [c["type"] for c in during["conditions"]] == ["Other", "Resizing"] and during["capacity"] == before[
        "capacity"
    ]
    assert during["allocatedResourceStatuses"] == {"storage": "ControllerResizeInProgress"}
    assert is_resizing({"status": during}, "3Gi") and not is_resizing({"status": during}, "4Gi")
    assert not is_resizing({"status": before}, "3Gi")
    after = {"phase": "Bound", "conditions": [other], "capacity": {"storage": "3Gi"}}
    assert resized(during, "3Gi") == {**after, "allocatedResources": {"storage": "3Gi"}}


def test_a_claim_does_not_grow_otherwise(plane: ControlPlane) -> None:
    provision(plane)
    more = {"spec": {"resources": {"requests": {"storage": "3Gi"}}}}
    with pytest.raises(ApiError, match="only dynamically provisioned pvc can be resized"):
        plane.cluster.client.patch(PVC, "data", more, "default")
    plane.cluster.client.create(PVC, claim("open", storageClassName="other"), "default")
    with pytest.raises(ApiError, match=r"Only bound persistent volume claims can be expanded|spec: Forbidden"):
        plane.cluster.client.patch(PVC, "open", more, "default")


# ---------------------------------------------------------------------- deleted


def fill(folder: Path) -> Path:
    """Files, a folder that was locked, and a link that leads out."""
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (folder / "locked").mkdir()
    (folder / "locked" / "file").write_text("x")
    (folder / "link").symlink_to(outside)
    os.chmod(folder / "locked", 0o500)
    return outside


def test_delete_takes_the_data_along(plane: ControlPlane) -> None:
    provision(plane)
    folder = Path(made_for(plane)["spec"]["hostPath"]["path"])
    outside = fill(folder)
    plane.cluster.client.delete(PVC, "data", "default")
    plane.settle()
    assert names(plane, PVC) == names(plane, PV) == [] and not folder.exists()
    assert (outside / "kept").read_text() == "kept"


def test_retain_keeps_the_data(plane: ControlPlane) -> None:
    provision(plane, reclaimPolicy="Retain")
    folder = Path(made_for(plane)["spec"]["hostPath"]["path"])
    (folder / "file").write_text("x")
    plane.cluster.client.delete(PVC, "data", "default")
    plane.settle()
    (left,) = plane.cluster.client.list(PV)["items"]
    assert left["status"]["phase"] == "Released" and (folder / "file").exists()


def test_only_own_directories_are_deleted(plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    client = plane.cluster.client
    foreign = volume(persistentVolumeReclaimPolicy="Delete", hostPath={"path": str(tmp_path / "precious")})
    foreign["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "minikctl.io/hostpath"}
    client.create(PV, foreign)
    client.create(PVC, claim(), "default")
    plane.settle()
    client.delete(PVC, "data", "default")
    plane.settle()
    assert (tmp_path / "precious").is_dir() and names(plane, PV) == ["pv"]
    assert said(plane) == ["VolumeFailedDelete"]


# ---------------------------------------------------------------------- protected


def test_a_claim_stays_as_long_as_a_pod_uses_it(plane: ControlPlane) -> None:
    client = plane.cluster.client
    provision(plane)
    client.create("pods", mounting(node="node-1"), "default")
    client.create("pods", mounting("waiting"), "default")
    client.delete(PVC, "data", "default")
    plane.settle()
    assert client.table(PVC, "default")["rows"][0]["cells"][1] == "Terminating"
    client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
    plane.settle()
    assert names(plane, PVC) == [] and names(plane, PV) == []


def test_a_volume_stays_as_long_as_it_is_bound(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create(PV, volume())
    client.create(PVC, claim(), "default")
    plane.settle()
    client.delete(PV, "pv")
    plane.settle()
    assert names(plane, PV) == ["pv"]
    client.delete(PVC, "data", "default")
    plane.settle()
    assert names(plane, PV) == []


def test_what_came_without_protection_gets_it(plane: ControlPlane) -> None:
    client = plane.cluster.client
    for kind, obj, where in ((PV, volume(), ""), (PVC, claim(storageClassName="x"), "default")):
        client.create(kind, obj, where)
        client.patch(kind, name(obj), {"metadata": {"finalizers": None}}, where)
    plane.settle()
    assert client.get(PV, "pv")["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    assert client.get(PVC, "data", "default")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


# ---------------------------------------------------------------------- ephemeral


def test_an_ephemeral_volume_has_a_claim_of_its_own(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create("storageclasses", storage_class())
    template = {"metadata": {"labels": {"a": "b"}}, "spec": claim(storageClassName="fast")["spec"]}
    pod = mounting(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}])
    made = client.create("pods", pod, "default")
    plane.settle()
    found = client.get(PVC, "web-v", "default")
    assert found["metadata"]["labels"] == {"a": "b"}
    assert found["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert name(made_for(plane, "web-v")).startswith("pvc-")
    client.delete("pods", "web", "default", options=DeleteOptions(grace_period=0))
    plane.settle()
    assert names(plane, PVC) == [] and names(plane, PV) == []


def test_an_ephemeral_volume_does_not_take_a_claim_of_others(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create(PVC, claim("web-v", storageClassName="x"), "default")
    template = {"spec": claim(storageClassName="fast")["spec"]}
    client.create("pods", mounting(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]), "default")
    plane.settle()
    events = {e["reason"]: e["message"] for e in client.list("events")["items"]}
    assert events["FailedBinding"].endswith('was not created for pod "default/web" (pod is not owner)')
