"""Deployments: in the end all pods run the newest template, and on the way the strategy's bounds hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, annotations_of, condition, controller_of, is_deleting, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment import DeploymentController, limits
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.replica_set import ReplicaSetController
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import FATES, NAMESPACE, Act, World

DEPLOY, RS = "deployments.apps", "replicasets.apps"
STRATEGIES: list[Obj] = [
    {"type": "Recreate"},
    *({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": s, "maxUnavailable": u}}
      for s, u in (("25%", "25%"), (1, 0), (0, 1), (0, 2), (2, 3), ("100%", 0))),
]  # fmt: skip


def deployment(replicas: int, strategy: Obj, **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    base = {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    return {"metadata": {"name": "x"}, "spec": base | {"strategy": strategy} | spec}


def _image(world: World, a: int, _b: int) -> None:
    containers = [{"name": "main", "image": f"app:{a % 4}"}]
    world.patch(DEPLOY, {"spec": {"template": {"spec": {"containers": containers}}}})


def _strategy(world: World, a: int, _b: int) -> None:
    chosen = STRATEGIES[a % len(STRATEGIES)]
    world.patch(DEPLOY, {"spec": {"strategy": {"rollingUpdate": None} | chosen}})


def _scale_set(world: World, a: int, b: int) -> None:
    if (rs := world.some(world.list(RS), a)) is not None:
        world.patch(RS, {"spec": {"replicas": b % 6}}, name(rs))


def _delete_set(world: World, a: int, _b: int) -> None:
    if (rs := world.some(world.list(RS), a)) is not None:
        world.client.delete(RS, name(rs), NAMESPACE)


def _orphan_set(world: World, a: int, b: int) -> None:
    if (rs := world.some(world.list(RS), a)) is not None:
        change: Obj = {"ownerReferences": None} if b % 2 else {"labels": {"app": ("x", "elsewhere")[b // 2 % 2]}}
        world.patch(RS, {"metadata": change}, name(rs))


OWN: dict[str, Act] = {
    "set image": _image,
    "set image again": _image,
    "scale": lambda w, a, _b: w.patch(DEPLOY, {"spec": {"replicas": a % 6}}),
    "pause or resume": lambda w, a, _b: w.patch(DEPLOY, {"spec": {"paused": bool(a % 2)}}),
    "change the strategy": _strategy,
    "change minReadySeconds": lambda w, a, _b: w.patch(DEPLOY, {"spec": {"minReadySeconds": a % 3 * 10}}),
    "scale a replica set": _scale_set,
    "delete a replica set": _delete_set,
    "orphan or relabel a replica set": _orphan_set,
}


def keeps_the_bounds(world: World, controller: str, verb: str, args: tuple[Any, ...], more: dict[str, Any]) -> None:
    """No write of the Deployment controller surges beyond maxSurge or takes pods that maxUnavailable protects."""
    if controller != "deployment-controller" or verb != "update" or args[0].plural != "replicasets":
        return
    written, owner = args[1], world.get(DEPLOY)
    sets = {uid(rs): rs for rs in world.owned(owner, RS)}
    before = sets.get(uid(written))
    if not world.lossless or before is None or not limits.is_rolling(owner):
        return
    wanted = str(owner["spec"]["replicas"])
    annotation = "deployment.kubernetes.io/desired-replicas"
    if any(annotations_of(rs).get(annotation) != wanted for rs in sets.values() if rs["spec"]["replicas"]):
        return  # it is being scaled: the shares of the ReplicaSets are rounded
    surge, unavailable = limits.max_surge(owner), limits.max_unavailable(owner)
    was, becomes = before["spec"]["replicas"], written["spec"]["replicas"]
    total = sum(rs["spec"]["replicas"] for rs in sets.values()) - was + becomes
    if becomes > was:
        assert total <= int(wanted) + surge, f"{total} pods, {wanted} wanted, {surge} more allowed"
    if becomes < was:
        have = {u: rs["status"].get("availableReplicas") or 0 for u, rs in sets.items()}
        lost = max(have[uid(written)] - becomes, 0)
        left = sum(have.values()) - lost
        if lost:
            assert left >= int(wanted) - unavailable, f"{left} available, {wanted} wanted, {unavailable} may be missing"


@examples(16)
@given(
    st.integers(0, 5),
    st.sampled_from(STRATEGIES),
    st.sampled_from([0, 1, 10]),
    deeds(OWN),
)
def test_all_pods_come_to_run_the_newest_template(size: int, strategy: Obj, history: int, happened: list[Any]) -> None:
    classes = (DeploymentController, ReplicaSetController, GarbageCollector, PodGarbageCollector)
    with World(*classes, checks=[keeps_the_bounds]) as world:
        world.client.create(DEPLOY, deployment(size, strategy, revisionHistoryLimit=history), NAMESPACE)
        world.suffer(happened, OWN)
        world.patch(DEPLOY, {"spec": {"paused": False}})
        world.recover()
        check(world, world.get(DEPLOY))
        world.assert_at_rest()


def check(world: World, owner: Obj) -> None:
    wanted, status = owner["spec"]["replicas"], owner["status"]
    sets = world.owned(owner, RS)
    pods = [p for rs in sets for p in pod_state.active(world.owned(rs))]
    image = owner["spec"]["template"]["spec"]["containers"][0]["image"]
    assert [p["spec"]["containers"][0]["image"] for p in pods] == [image] * wanted
    assert all(pod_state.is_ready(p) for p in pods)
    assert sorted(rs["spec"]["replicas"] for rs in sets) == [0] * (len(sets) - 1) + [wanted]
    assert len(sets) <= owner["spec"]["revisionHistoryLimit"] + 1
    counts = [status.get(f, 0) for f in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    assert counts == [wanted] * 4 and not status.get("unavailableReplicas")
    assert status["observedGeneration"] == owner["metadata"]["generation"]
    progressing, available = condition(owner, "Progressing") or {}, condition(owner, "Available") or {}
    assert (progressing["status"], progressing["reason"]) == ("True", "NewReplicaSetAvailable")
    assert available["status"] == "True" and condition(owner, "ReplicaFailure") is None


@examples(12)
@given(
    st.integers(1, 8),
    st.sampled_from(STRATEGIES[1:]),
    st.lists(st.tuples(st.sampled_from(FATES), st.integers(0, 3), st.booleans()), max_size=60),
)
def test_a_rolling_update_keeps_its_bounds_though_writes_fail(
    size: int, strategy: Obj, troubles: list[tuple[str, int, bool]]
) -> None:
    """Nothing happens to the pods; then the bounds hold for the pods themselves, at every moment."""
    with World(DeploymentController, ReplicaSetController) as world:
        owner = world.client.create(DEPLOY, deployment(size, strategy), NAMESPACE)
        world.plane.settle()
        _image(world, 2, 0)
        least, most = size - limits.max_unavailable(owner), size + limits.max_surge(owner)
        for fate, ready, restarts in troubles:
            if restarts and fate == "well":
                world.restart()
            world.fates.extend([fate])
            world.plane.turn(ready)
            world.clock.advance(0.05)
            pods = world.pods()
            assert len(pods) <= most or "unanswered" in [t[0] for t in troubles]
            assert sum(pod_state.is_ready(p) for p in pods) >= least
        world.recover(60)
        check(world, world.get(DEPLOY))
        world.assert_at_rest()


@examples(6)
@given(st.sampled_from(["Background", "Foreground", "Orphan"]), deeds(OWN, without=["a cache falls behind"]))
def test_a_deleted_deployment_leaves_nothing_or_all_of_its_replica_sets(how: str, happened: list[Any]) -> None:
    with World(DeploymentController, ReplicaSetController, GarbageCollector, PodGarbageCollector) as world:
        world.client.create(DEPLOY, deployment(3, STRATEGIES[1]), NAMESPACE)
        half = len(happened) // 2
        world.suffer(happened[:half], OWN)
        world.client.delete(DEPLOY, "x", NAMESPACE, options=DeleteOptions(propagation=how))
        world.suffer(happened[half:], OWN)
        world.recover()
        assert not world.list(DEPLOY)
        present = {uid(rs) for rs in world.list(RS)}
        for obj in world.list(RS) + world.list("pods"):
            ref = controller_of(obj)
            assert not is_deleting(obj) and (ref is None or ref["uid"] in present), name(obj)
        world.assert_at_rest()
