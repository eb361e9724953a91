"""Claims and volumes find each other, keep each other, and lose each other."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj, annotations_of
from minikctl.api.volumes import BIND_COMPLETED, BOUND_BY_CONTROLLER
from minikctl.controllers.persistent_volume import PersistentVolumeController
from tests.controllers.claims import ROX, RWO, RWX, claim, mounting, storage_class, volume
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

PV, PVC = "persistentvolumes", "persistentvolumeclaims"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(PersistentVolumeController, kubelet=False)


def put(plane: ControlPlane, *objects: Obj) -> None:
    for obj in objects:
        if "provisioner" in obj:
            plane.cluster.client.create("storageclasses", obj)
        elif "capacity" in obj["spec"]:
            plane.cluster.client.create(PV, obj)
        elif "containers" in obj["spec"]:
            plane.cluster.client.create("pods", obj, "default")
        else:
            plane.cluster.client.create(PVC, obj, "default")
    plane.settle()


def pv(plane: ControlPlane, name: str = "pv") -> Obj:
    return plane.cluster.client.get(PV, name)


def pvc(plane: ControlPlane, name: str = "data") -> Obj:
    return plane.cluster.client.get(PVC, name, "default")


def state(plane: ControlPlane, name: str = "data") -> tuple[str, str]:
    found = pvc(plane, name)
    return found["status"]["phase"], found["spec"].get("volumeName", "")


def phase(plane: ControlPlane, name: str = "pv") -> str:
    return str(pv(plane, name)["status"]["phase"])


def said(plane: ControlPlane) -> list[tuple[str, str]]:
    return [(e["reason"], e["message"]) for e in plane.cluster.client.list("events")["items"]]


def remove(plane: ControlPlane, kind: str, name: str) -> None:
    namespace = "default" if kind == PVC else ""
    plane.cluster.client.patch(kind, name, {"metadata": {"finalizers": None}}, namespace)
    plane.cluster.client.delete(kind, name, namespace)
    plane.settle()


# ---------------------------------------------------------------------- which volume

MATCHES = [
    ("the only one", [volume("a")], claim(), "a"),
    (
        "the smallest that is large enough",
        [volume("a", "9Gi"), volume("b", "3Gi"), volume("c", "1Gi")],
        claim(size="2Gi"),
        "b",
    ),
    ("of equals the first by name", [volume("b"), volume("a")], claim(), "a"),
    ("none is large enough", [volume("a", "1Gi")], claim(size="2Gi"), ""),
    ("all modes asked for", [volume("a"), volume("b", modes=(RWO, ROX))], claim(modes=(RWO, ROX)), "b"),
    ("no mode too many", [volume("a", "1Gi", modes=(RWO, RWX)), volume("b", "8Gi")], claim(), "b"),
    ("another mode", [volume("a", modes=(ROX,))], claim(), ""),
    ("another class", [volume("a", storageClassName="slow")], claim(), ""),
    ("no class at all", [volume("a", storageClassName="")], claim(storageClassName=""), "a"),
    (
        "by label",
        [volume("a"), volume("b", labels={"kind": "ssd"})],
        claim(selector={"matchLabels": {"kind": "ssd"}}),
        "b",
    ),
    ("by name", [volume("a", "1Gi"), volume("b", "9Gi")], claim(volumeName="b"), "b"),
    ("a name that is not there", [volume("a")], claim(volumeName="b"), ""),
    ("block devices", [volume("a"), volume("b", volumeMode="Block")], claim(volumeMode="Block"), "b"),
    (
        "one that is reserved for it",
        [volume("a", "1Gi"), volume("b", "9Gi", claimRef={"namespace": "default", "name": "data"})],
        claim(),
        "b",
    ),
    ("one that is reserved for others", [volume("a", claimRef={"namespace": "default", "name": "x"})], claim(), ""),
    (
        "one of another claim of this name",
        [
            volume(
                "a",
                claimRef={"namespace": "default", "name": "data", "uid": "old"},
                persistentVolumeReclaimPolicy="Retain",
            )
        ],
        claim(),
        "",
    ),
]


@pytest.mark.parametrize(("volumes", "wanted", "expected"), [m[1:] for m in MATCHES], ids=[m[0] for m in MATCHES])
def test_which_volume_a_claim_gets(plane: ControlPlane, volumes: list[Obj], wanted: Obj, expected: str) -> None:
    put(plane, *volumes)
    put(plane, wanted)
    status, name = state(plane)
    assert (status, name) == (("Bound", expected) if expected else ("Pending", wanted["spec"].get("volumeName", "")))
    plane.assert_at_rest()


@pytest.mark.parametrize("volume_first", [True, False])
def test_a_binding_is_two_references(plane: ControlPlane, volume_first: bool) -> None:
    objects = [volume("pv", "5Gi", modes=(RWO, ROX)), claim()]
    put(plane, *(objects if volume_first else objects[::-1]))
    bound, made = pv(plane), pvc(plane)
    assert bound["status"]["phase"] == "Bound" and bound["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert made["status"] == {"phase": "Bound", "accessModes": [RWO, ROX], "capacity": {"storage": "5Gi"}}
    assert annotations_of(made) == {BIND_COMPLETED: "yes", BOUND_BY_CONTROLLER: "yes"}
    assert annotations_of(bound) == {BOUND_BY_CONTROLLER: "yes"}


def test_two_claims_do_not_get_one_volume(plane: ControlPlane) -> None:
    put(plane, volume("a"), volume("b"), claim("one"), claim("two"), claim("three"))
    states = [state(plane, n) for n in ("one", "two", "three")]
    assert sorted(s for s, _ in states) == ["Bound", "Bound", "Pending"]
    assert sorted(v for _, v in states if v) == ["a", "b"]


# ---------------------------------------------------------------------- why not

REFUSALS = [
    (volume("pv", "1Gi"), claim(size="2Gi"), "requested PV is too small"),
    (volume("pv", storageClassName="slow"), claim(), "storageClassName does not match"),
    (volume("pv", volumeMode="Block"), claim(), "incompatible volumeMode"),
    (volume("pv", modes=(ROX,)), claim(), "incompatible accessMode"),
]


@pytest.mark.parametrize(("given", "wanted", "why"), REFUSALS)
def test_a_volume_that_is_named_but_does_not_fit(plane: ControlPlane, given: Obj, wanted: Obj, why: str) -> None:
    put(plane, given, {**wanted, "spec": {**wanted["spec"], "volumeName": "pv"}})
    assert state(plane) == ("Pending", "pv") and phase(plane) == "Available"
    assert said(plane) == [("VolumeMismatch", f'Cannot bind to requested volume "pv": {why}')]


def test_a_volume_that_is_named_but_taken(plane: ControlPlane) -> None:
    put(plane, volume(), claim("first"), claim("second", volumeName="pv"))
    assert state(plane, "second") == ("Pending", "pv")
    assert said(plane) == [("FailedBinding", 'volume "pv" already bound to a different claim.')]


SAYINGS = [
    (claim(storageClassName=""), [], "FailedBinding", "no persistent volumes available for this claim and no storage class is set"),
    (claim(), [], "ProvisioningFailed", 'storageclass.storage.k8s.io "manual" not found'),
    (
        claim(),
        [storage_class("manual", "kubernetes.io/no-provisioner")],
        "ProvisioningFailed",
        "no volume plugin matched name: kubernetes.io/no-provisioner",
    ),
    (
        claim(),
        [storage_class("manual", "kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer")],
        "WaitForFirstConsumer",
        "waiting for first consumer to be created before binding",
    ),
    (
        claim(),
        [storage_class("manual", volumeBindingMode="WaitForFirstConsumer"), mounting()],
        "WaitForPodScheduled",
        "waiting for pod web to be scheduled",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "others", "reason", "message"), SAYINGS)
def test_a_pending_claim_says_why(
    plane: ControlPlane, wanted: Obj, others: list[Obj], reason: str, message: str
) -> None:
    put(plane, *others)
    put(plane, wanted)
    assert state(plane)[0] == "Pending" and said(plane) == [(reason, message)]
    plane.assert_at_rest()


def test_the_name_of_the_provisioner_is_written_on_the_claim(plane: ControlPlane) -> None:
    put(plane, storage_class("manual", "example.com/nfs"), claim())
    assert annotations_of(pvc(plane)) == {
        "volume.beta.kubernetes.io/storage-provisioner": "example.com/nfs",
        "volume.kubernetes.io/storage-provisioner": "example.com/nfs",
    }
    assert [r for r, _ in said(plane)] == ["ExternalProvisioning"]
    assert "either by the external provisioner 'example.com/nfs' or manually" in said(plane)[0][1]


def test_a_class_that_waits_binds_what_is_reserved(plane: ControlPlane) -> None:
    waits = storage_class("manual", "kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer")
    put(plane, waits, volume("a"), claim())
    assert state(plane)[0] == "Pending"
    put(plane, volume("b", claimRef={"namespace": "default", "name": "data"}))
    assert state(plane) == ("Bound", "b")


def test_a_default_class_that_comes_later(plane: ControlPlane) -> None:
    wanted = claim()
    del wanted["spec"]["storageClassName"]
    put(plane, wanted)
    assert state(plane)[0] == "Pending"
    default = storage_class("slow", "example.com/x")
    default["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    put(plane, default)
    assert pvc(plane)["spec"]["storageClassName"] == "slow"


# ---------------------------------------------------------------------- the end of it


@pytest.mark.parametrize(
    ("policy", "expected", "reason"),
    [
        ("Retain", "Released", ""),
        ("Delete", "Failed", "VolumeFailedDelete"),
        ("Recycle", "Failed", "VolumeFailedRecycle"),
    ],
)
def test_what_becomes_of_a_volume_made_by_hand(plane: ControlPlane, policy: str, expected: str, reason: str) -> None:
    put(plane, volume(persistentVolumeReclaimPolicy=policy), claim())
    remove(plane, PVC, "data")
    assert phase(plane) == expected and [r for r, _ in said(plane)] == ([reason] if reason else [])
    put(plane, claim())
    assert state(plane)[0] == "Pending"
    plane.assert_at_rest()


def test_a_released_volume_is_free_again_when_its_claim_ref_is_removed(plane: ControlPlane) -> None:
    put(plane, volume(), claim())
    remove(plane, PVC, "data")
    assert phase(plane) == "Released"
    plane.cluster.client.patch(PV, "pv", {"spec": {"claimRef": None}})
    plane.settle()
    assert phase(plane) == "Available"
    put(plane, claim())
    assert state(plane) == ("Bound", "pv")


def test_a_claim_whose_volume_is_gone_is_lost(plane: ControlPlane) -> None:
    put(plane, volume(), claim())
    remove(plane, PV, "pv")
    assert pvc(plane)["status"] == {"phase": "Lost"}
    assert said(plane) == [("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")]
    put(plane, volume("other"))
    assert state(plane) == ("Lost", "pv")
    put(plane, volume())
    assert state(plane) == ("Bound", "pv") and phase(plane) == "Bound"


def test_an_interrupted_binding_is_finished(plane: ControlPlane) -> None:
    client = plane.cluster.client
    made = client.create(PVC, claim(), "default")
    ref = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data", "uid": made["metadata"]["uid"]}
    client.create(PV, volume("small", "1Gi"))
    client.create(PV, volume("begun", "9Gi", claimRef=ref))
    plane.settle()
    assert state(plane) == ("Bound", "begun") and phase(plane, "small") == "Available"


def test_a_volume_that_names_a_claim_which_has_another_is_freed(plane: ControlPlane) -> None:
    put(plane, volume(), claim())
    ref = {"namespace": "default", "name": "data", "uid": pvc(plane)["metadata"]["uid"]}
    second = volume("second", claimRef=ref)
    second["metadata"]["annotations"] = {BOUND_BY_CONTROLLER: "yes"}
    put(plane, second, volume("third", claimRef=ref))
    assert "claimRef" not in pv(plane, "second")["spec"] and not annotations_of(pv(plane, "second"))
    assert pv(plane, "third")["spec"]["claimRef"] == {"namespace": "default", "name": "data"}
    assert phase(plane, "second") == phase(plane, "third") == "Available" and state(plane) == ("Bound", "pv")
