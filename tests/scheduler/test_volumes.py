"""Pods and their claims: where the volumes are, where they can come to be, and who has them already."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj, annotations_of, get_path
from minikctl.api.volumes import BIND_COMPLETED, SELECTED_NODE
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.framework import CycleState, Handle
from minikctl.scheduler.plugins import node_volume_limits, volume_restrictions, volume_zone
from tests.controllers.claims import claim, storage_class, volume
from tests.scheduler.bench import Bench
from tests.scheduler.builders import cluster, node, node_object, pod, pod_object
from tests.support.waiting import eventually

PVC, PV = "persistentvolumeclaims", "persistentvolumes"
USES = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
WAITS = storage_class("manual", "kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer")
MAKES = storage_class("manual", "example.com/disk", volumeBindingMode="WaitForFirstConsumer")
NOT_HELPFUL = (
    " no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
)


def on_node(name: str) -> Obj:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}
    return {"required": {"nodeSelectorTerms": [term]}}


def bound(bench: Bench, name: str, node_affinity: Obj | None = None) -> None:
    """A claim with a volume of its own, as the binder leaves them."""
    made = bench.client.create(PVC, claim(name, volumeName=f"pv-{name}"), "default")
    patch = {"metadata": {"annotations": {BIND_COMPLETED: "yes"}}}
    bench.client.patch(PVC, name, patch, "default")
    ref = {"namespace": "default", "name": name, "uid": made["metadata"]["uid"]}
    more = {"nodeAffinity": node_affinity} if node_affinity else {}
    bench.client.create(PV, volume(f"pv-{name}", claimRef=ref, **more))


@pytest.fixture
def two(bench: Bench) -> Bench:
    bench.add_node("node-1")
    bench.add_node("node-2")
    return bench


def test_a_pod_goes_where_its_volume_is(two: Bench) -> None:
    bound(two, "data", on_node("node-2"))
    two.add_pod(volumes=USES)
    two.goes_to("node-2")


def test_a_volume_that_no_node_reaches(two: Bench) -> None:
    bound(two, "data", on_node("node-9"))
    two.add_pod(volumes=USES)
    text = "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity."
    assert two.refusal() == text + NOT_HELPFUL


MISSING = [
    (None, 'persistentvolumeclaim "data" not found.'),
    (claim(), "pod has unbound immediate PersistentVolumeClaims."),
]


@pytest.mark.parametrize(("given", "why"), MISSING)
def test_a_claim_that_is_not_ready_and_then_is(two: Bench, given: Obj | None, why: str) -> None:
    if given is not None:
        two.client.create(PVC, given, "default")
    two.add_pod(volumes=USES)
    assert two.refusal() == f"0/2 nodes are available: {why}{NOT_HELPFUL}"
    if given is not None:
        two.client.delete(PVC, "data", "default")
        two.client.patch(PVC, "data", {"metadata": {"finalizers": None}}, "default")
    bound(two, "data")
    eventually(lambda: two.node_of() != "")


def finish(bench: Bench, name: str, volume_name: str) -> None:
    """What the binder does when a claim and a volume have been brought together."""
    patch = {"metadata": {"annotations": {BIND_COMPLETED: "yes"}}, "spec": {"volumeName": volume_name}}
    bench.client.patch(PVC, name, patch, "default")


def test_a_local_volume_is_chosen_with_the_node_and_waited_for(two: Bench) -> None:
    two.client.create("storageclasses", WAITS)
    two.client.create(PV, volume("small", "2Gi", nodeAffinity=on_node("node-2")))
    two.client.create(PV, volume("tiny", "1Mi", nodeAffinity=on_node("node-1")))
    two.client.create(PVC, claim(), "default")
    two.add_pod(volumes=USES)

    def written() -> bool:
        two.scheduler.drain()
        return get_path(two.client.get(PV, "small"), "spec", "claimRef", "name") == "data"

    eventually(written)
    two.scheduler.drain()
    assert two.node_of() == "" and len(two.scheduler.binder.parked) == 1
    finish(two, "data", "small")
    two.goes_to("node-2")


def test_where_a_volume_is_to_be_made(two: Bench) -> None:
    two.client.create("storageclasses", MAKES)
    two.client.create(PVC, claim(), "default")
    two.add_pod(volumes=USES, nodeSelector={"kubernetes.io/hostname": "node-2"})

    def written() -> bool:
        two.scheduler.drain()
        return annotations_of(two.client.get(PVC, "data", "default")).get(SELECTED_NODE) == "node-2"

    eventually(written)
    two.client.create(PV, volume("made"))
    finish(two, "data", "made")
    two.goes_to("node-2")


def test_without_a_volume_and_without_anybody_who_makes_one(two: Bench) -> None:
    two.client.create("storageclasses", WAITS)
    two.client.create(PVC, claim(), "default")
    two.add_pod(volumes=USES)
    text = "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind."
    assert two.refusal() == text + NOT_HELPFUL
    two.client.create(PV, volume("late"))
    eventually(lambda: bool(two.scheduler.drain() or two.scheduler.binder.parked))


def test_a_claim_that_goes_while_it_is_waited_for(two: Bench) -> None:
    two.client.create("storageclasses", MAKES)
    two.client.create(PVC, claim(), "default")
    two.add_pod(volumes=USES)
    eventually(lambda: bool(two.scheduler.drain() or two.scheduler.binder.parked))
    two.client.patch(PVC, "data", {"metadata": {"finalizers": None}}, "default")
    two.client.delete(PVC, "data", "default")
    assert two.refusal() == (
        'running PreBind plugin "VolumeBinding": binding volumes: persistentvolumeclaim "data" is gone'
    )
    assert not two.scheduler.binder.parked and not two.scheduler.cache.is_assumed(two.pod()["metadata"]["uid"])


def test_read_write_once_pod(two: Bench) -> None:
    made = two.client.create(PVC, claim(modes=("ReadWriteOncePod",), volumeName="pv"), "default")
    two.client.patch(PVC, "data", {"metadata": {"annotations": {BIND_COMPLETED: "yes"}}}, "default")
    ref = {"namespace": "default", "name": "data", "uid": made["metadata"]["uid"]}
    two.client.create(PV, volume("pv", modes=("ReadWriteOncePod",), claimRef=ref))
    two.add_pod("first", volumes=USES)
    eventually(lambda: two.node_of("first") != "")
    two.add_pod("second", volumes=USES)
    assert two.refusal("second").startswith(
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod "
        "access mode."
    )
    two.client.patch("pods", "first", {"status": {"phase": "Succeeded"}}, "default", subresource="status")
    eventually(lambda: two.node_of("second") != "")


# ---------------------------------------------------------------------- smaller plugins


class Known:
    """Stands for a cache."""

    def __init__(self, *objects: Obj):
        self.objects = {o["metadata"]["name"]: o for o in objects}

    def get(self, name: str, _namespace: str = "") -> Obj | None:
        return self.objects.get(name)

    def by_key(self, key: str) -> Obj | None:
        return self.objects.get(key.rpartition("/")[2])


def cycle_with(volumes: list[Obj], csi_nodes: list[Obj], pods: list[Obj] | None = None) -> CycleState:
    cycle = cluster([node_object("a")], pods)
    claims = [claim(f"c{i}", volumeName=v["metadata"]["name"]) for i, v in enumerate(volumes)]
    assumed = {PVC: Known(*claims), PV: Known(*volumes)}
    cycle.handle = Handle({"csinodes": Known(*csi_nodes)}, assumed)  # type: ignore[dict-item]
    return cycle


def mounts(*names: str) -> list[Obj]:
    return [{"name": n, "persistentVolumeClaim": {"claimName": n}} for n in names]


ZONES = [
    ({"topology.kubernetes.io/zone": "a"}, {"topology.kubernetes.io/zone": "a"}, True),
    ({"topology.kubernetes.io/zone": "a"}, {"topology.kubernetes.io/zone": "b"}, False),
    ({"topology.kubernetes.io/zone": "a__b"}, {"topology.kubernetes.io/zone": "b"}, True),
    ({"topology.kubernetes.io/zone": "a"}, {}, True),
    ({"topology.kubernetes.io/region": "r"}, {"topology.kubernetes.io/zone": "a"}, False),
]


@pytest.mark.parametrize(("of_volume", "of_node", "expected"), ZONES)
def test_zones(of_volume: dict[str, str], of_node: dict[str, str], expected: bool) -> None:
    cycle, who = cycle_with([volume("v", labels=of_volume)], []), pod(volumes=mounts("c0"))
    assert volume_zone.pre_filter(cycle, who) is None
    assert (volume_zone.filter_node(cycle, who, node("n", labels=of_node)) is None) is expected


@pytest.mark.parametrize(("limit", "wanted", "expected"), [(2, ["c1"], True), (1, ["c1"], False), (1, ["c0"], True)])
def test_limits_of_a_csi_driver(limit: int, wanted: list[str], expected: bool) -> None:
    volumes = [volume(f"v{i}", csi={"driver": "d", "volumeHandle": f"h{i}"}) for i in range(2)]
    csi = {"metadata": {"name": "a"}, "spec": {"drivers": [{"name": "d", "allocatable": {"count": limit}}]}}
    cycle = cycle_with(volumes, [csi], [pod_object("there", node="a", volumes=mounts("c0"))])
    who = pod(volumes=mounts(*wanted))
    assert node_volume_limits.pre_filter(cycle, who) is None
    assert (node_volume_limits.filter_node(cycle, who, cycle.cache.nodes[0]) is None) is expected


DISKS = [
    ({"iscsi": {"iqn": "i", "targetPortal": "t", "lun": 0}}, {"iscsi": {"iqn": "i", "targetPortal": "t", "lun": 0}}, False),
    (
        {"iscsi": {"iqn": "i", "targetPortal": "t", "lun": 0, "readOnly": True}},
        {"iscsi": {"iqn": "i", "targetPortal": "t", "lun": 0, "readOnly": True}},
        True,
    ),
    ({"gcePersistentDisk": {"pdName": "a"}}, {"gcePersistentDisk": {"pdName": "b"}}, True),
    ({"awsElasticBlockStore": {"volumeID": "a"}}, {"awsElasticBlockStore": {"volumeID": "a"}}, False),
]  # fmt: skip


@pytest.mark.parametrize(("mine", "theirs", "expected"), DISKS)
def test_disks_that_are_for_one(mine: Obj, theirs: Obj, expected: bool) -> None:
    cycle = cluster([node_object("a")], [pod_object("there", node="a", volumes=[{"name": "v", **theirs}])])
    who = pod(volumes=[{"name": "v", **mine}])
    assert volume_restrictions.pre_filter(cycle, who) is None
    assert (volume_restrictions.filter_node(cycle, who, cycle.cache.nodes[0]) is None) is expected


def test_the_cache_counts_who_uses_a_claim() -> None:
    cache = Cache()
    cache.assume(pod("a", volumes=USES), "n")
    cache.assume(pod("b", volumes=USES), "n")
    assert cache.claim_users == {"default/data": 2}
    cache.remove_pod("uid-a")
    cache.remove_pod("uid-b")
    assert not cache.claim_users
