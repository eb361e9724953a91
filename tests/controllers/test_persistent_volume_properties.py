"""Whatever people do to claims and volumes, in whatever order: what is bound is bound both ways, nobody waits in vain,
and then nothing more is written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from minikctl.api import volumes
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, uid
from minikctl.controllers.persistent_volume import PersistentVolumeController
from minikctl.controllers.pv_protection import PVProtectionController
from minikctl.controllers.pvc_protection import PVCProtectionController
from minikctl.controllers.volume_provisioner import VolumeProvisioner
from tests.controllers.claims import ROX, RWO, claim, storage_class, volume
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane

PV, PVC = "persistentvolumes", "persistentvolumeclaims"
STEPS = 40


def step(plane: ControlPlane, rng: random.Random) -> None:
    """One thing that a person does; refusals are part of life."""
    client, who = plane.cluster.client, rng.choice("abcdef")
    modes = rng.choice([(RWO,), (ROX,), (RWO, ROX)])
    size = f"{rng.randint(1, 4)}Gi"
    try:
        match rng.randrange(8):
            case 0 | 1:
                policy = rng.choice(["Retain", "Delete"])
                client.create(PV, volume(who, size, modes=modes, persistentVolumeReclaimPolicy=policy))
            case 2 | 3:
                wanted = rng.choice(["manual", "fast"])
                client.create(PVC, claim(who, size, modes=modes[:1], storageClassName=wanted), "default")
            case 4:
                client.create(PVC, claim(who, size, modes=modes[:1], volumeName=rng.choice("abcdef")), "default")
            case 5:
                client.delete(PVC, who, "default")
            case 6:
                client.delete(PV, who)
            case 7:
                client.patch(PV, who, {"spec": {"claimRef": None}})
    except ApiError:
        pass


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_comes_to_rest(plane_of: MakePlane, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    controllers = (PersistentVolumeController, VolumeProvisioner, PVCProtectionController, PVProtectionController)
    plane = plane_of(*controllers, kubelet=False, settings={"state_dir": str(tmp_path / "state")})
    plane.cluster.client.create("storageclasses", storage_class())
    for _ in range(STEPS):
        step(plane, rng)
        if rng.random() < 0.5:
            plane.turn()
    plane.settle()
    check(plane)
    plane.assert_at_rest()


def check(plane: ControlPlane) -> None:
    found = {name(v): v for v in plane.cluster.client.list(PV)["items"]}
    claims: dict[str, Obj] = {uid(c): c for c in plane.cluster.client.list(PVC, "default")["items"]}
    for each in claims.values():
        phase, of = each["status"]["phase"], each["spec"].get("volumeName")
        if phase == "Bound":
            assert found[of]["spec"]["claimRef"]["uid"] == uid(each) and found[of]["status"]["phase"] == "Bound"
        elif phase == "Lost":
            assert of not in found or found[of]["spec"].get("claimRef", {}).get("uid") != uid(each)
        else:
            assert not of or of not in found or not fits(found[of], each), (each, found[of])
    free = [v for v in found.values() if v["status"]["phase"] == "Available" and not v["spec"].get("claimRef")]
    waiting = [c for c in claims.values() if c["status"]["phase"] == "Pending" and not c["spec"].get("volumeName")]
    assert not [(name(v), name(c)) for v in free for c in waiting if fits(v, c)]
    for each in found.values():
        if each["status"]["phase"] == "Bound":
            assert claims[each["spec"]["claimRef"]["uid"]]["spec"]["volumeName"] == name(each)


def fits(given: Obj, wanted: Obj) -> bool:
    """A volume that is free and that the claim could have."""
    free = not given["spec"].get("claimRef") and not given["metadata"].get("deletionTimestamp")
    return free and not volumes.mismatch(given, wanted)
