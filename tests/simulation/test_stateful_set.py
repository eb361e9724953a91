"""StatefulSets: one pod for each ordinal and no other, in order, each with its claim."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, controller_of, is_deleting, labels_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.pvc_protection import PVCProtectionController
from minikctl.controllers.stateful_set import StatefulSetController, spec
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, World

STS = "statefulsets.apps"
RETENTION = [{"whenDeleted": d, "whenScaled": s} for d in ("Retain", "Delete") for s in ("Retain", "Delete")]


def _image(world: World, a: int, _b: int) -> None:
    containers = [{"name": "main", "image": f"app:{a % 4}"}]
    world.patch(STS, {"spec": {"template": {"spec": {"containers": containers}}}})


def _update_strategy(world: World, a: int, b: int) -> None:
    rolling = {"partition": a % 4, "maxUnavailable": b % 3 + 1}
    world.patch(STS, {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}})


def _delete_claim(world: World, a: int, _b: int) -> None:
    if (claim := world.some(world.list("persistentvolumeclaims"), a)) is not None:
        world.client.delete("persistentvolumeclaims", name(claim), NAMESPACE)


OWN: dict[str, Act] = {
    "set image": _image,
    "scale": lambda w, a, _b: w.patch(STS, {"spec": {"replicas": a % 5}}),
    "scale again": lambda w, a, _b: w.patch(STS, {"spec": {"replicas": a % 5}}),
    "change the update strategy": _update_strategy,
    "change the start": lambda w, a, _b: w.patch(STS, {"spec": {"ordinals": {"start": a % 3}}}),
    "change minReadySeconds": lambda w, a, _b: w.patch(STS, {"spec": {"minReadySeconds": a % 3 * 10}}),
    "change the retention": lambda w, a, _b: w.patch(
        STS, {"spec": {"persistentVolumeClaimRetentionPolicy": RETENTION[a % 4]}}
    ),
    "delete a claim": _delete_claim,
}


def keeps_the_order(world: World, controller: str, verb: str, args: tuple[Any, ...], _more: dict[str, Any]) -> None:
    """Pods are made from the lowest ordinal up, each when those before are ready, and deleted one by one."""
    if controller != "statefulset-controller" or args[0] != "pods" or not world.lossless:
        return
    owner = world.get(STS)
    if owner["spec"].get("podManagementPolicy") == "Parallel":
        return
    pods = {spec.ordinal_of(p): p for p in world.owned(owner)}
    if verb == "create":
        ordinal = spec.ordinal_of(args[1])
        assert ordinal is not None
        for before in range(spec.start(owner), ordinal):
            assert before in pods and pod_state.is_ready(pods[before]) and not is_deleting(pods[before]), (
                f"{name(args[1])} is made though x-{before} is not ready"
            )
    if verb == "delete":
        rolling = owner["spec"]["updateStrategy"].get("rollingUpdate") or {}
        ending = [p for p in pods.values() if is_deleting(p) and pod_state.phase(p) not in ("Failed", "Succeeded")]
        assert len(ending) < max(int(rolling.get("maxUnavailable") or 1), 1), [name(p) for p in ending]


@examples(16)
@given(
    st.integers(0, 4),
    st.sampled_from(["OrderedReady", "Parallel"]),
    st.sampled_from([None, *RETENTION]),
    deeds(OWN),
)
def test_one_pod_for_each_ordinal(size: int, policy: str, retention: Obj | None, happened: list[Any]) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    wanted: Obj = {
        "replicas": size,
        "serviceName": "x",
        "selector": {"matchLabels": {"app": "x"}},
        "template": template,
        "podManagementPolicy": policy,
        "revisionHistoryLimit": 2,
    }
    if retention is not None:
        wanted |= {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}
        wanted |= {"persistentVolumeClaimRetentionPolicy": retention}
    classes = (StatefulSetController, GarbageCollector, PodGarbageCollector, PVCProtectionController)
    with World(*classes, checks=[keeps_the_order]) as world:
        world.client.create(STS, {"metadata": {"name": "x"}, "spec": wanted}, NAMESPACE)
        world.suffer(happened, OWN)
        make_room(world)
        world.recover()
        check(world, world.get(STS))
        world.assert_at_rest()


def make_room(world: World) -> None:
    """A pod that was taken out of the set keeps its name, and no other can be made before somebody deletes it."""
    for pod in world.list("pods"):
        if labels_of(pod).get("app") != "x":
            world.client.delete("pods", name(pod), NAMESPACE, options=DeleteOptions(grace_period=0))


def check(world: World, owner: Obj) -> None:
    size, status = owner["spec"]["replicas"], owner["status"]
    start = (owner["spec"].get("ordinals") or {}).get("start", 0)
    names = [f"x-{i}" for i in range(start, start + size)]
    pods = {name(p): p for p in world.owned(owner)}
    assert sorted(pods) == names
    assert all(pod_state.is_ready(p) and not is_deleting(p) for p in pods.values())
    partition = (owner["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition") or 0
    for pod in pods.values():
        ordinal = spec.ordinal_of(pod)
        assert ordinal is not None
        if ordinal - start >= partition:
            assert labels_of(pod)["controller-revision-hash"] == status["updateRevision"]
    counts = [status.get(f, 0) for f in ("replicas", "readyReplicas", "availableReplicas")]
    assert counts == [size] * 3 and status["observedGeneration"] == owner["metadata"]["generation"]
    if not partition:
        assert status["currentRevision"] == status["updateRevision"] and status.get("updatedReplicas", 0) == size
    if owner["spec"].get("volumeClaimTemplates"):
        check_claims(world, owner, pods)


def check_claims(world: World, owner: Obj, pods: dict[str, Obj]) -> None:
    claims = {name(c): c for c in world.list("persistentvolumeclaims")}
    assert {f"data-{p}" for p in pods} <= set(claims)
    policy = owner["spec"]["persistentVolumeClaimRetentionPolicy"]
    for claim in claims.values():  # those of pods that are scaled away have gone with them
        assert not [r for r in claim["metadata"].get("ownerReferences") or [] if r["kind"] == "Pod"], name(claim)
    for pod in pods:
        refs = claims[f"data-{pod}"]["metadata"].get("ownerReferences") or []
        assert [r["uid"] for r in refs] == ([uid(owner)] if policy["whenDeleted"] == "Delete" else []), pod
    assert all(controller_of(p) for p in pods.values())
