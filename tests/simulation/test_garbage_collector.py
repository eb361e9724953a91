"""The garbage collector: whatever happens, what remains is what still has an owner, or never had one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.errors import ApiError
from minikctl.api.meta import Objects, is_deleting, name, owner_reference, owner_references, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.garbage_collector import GarbageCollector
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, World

CM, PROPAGATIONS = "configmaps", ("Background", "Foreground", "Orphan")
WITHOUT = [
    "delete a pod", "a pod fails", "a pod succeeds", "evict a pod", "a pod is evicted by its kubelet",
    "a probe changes its mind", "relabel a pod", "orphan a pod", "make a stray pod", "lose a node", "add a node",
]  # fmt: skip


def _all(world: World) -> Objects:
    return sorted((o for o in world.list(CM) if name(o).startswith("n")), key=name)


def _make(world: World, a: int, b: int) -> None:
    """An object with up to two owners, one of which may block."""
    present = _all(world)
    owners = {uid(o): o for o in (world.some(present, a), world.some(present, a // 7)) if o is not None}
    chosen = list(owners.values())[: b % 3]
    references = [owner_reference(o, controller=False, block=bool(b & 4)) for o in chosen]
    number = max((int(name(o)[1:]) for o in present), default=-1) + 1
    made = {"metadata": {"name": f"n{number:03}", "ownerReferences": references}}
    if b % 11 == 0:
        made["metadata"]["finalizers"] = ["example.com/wait"]
    world.client.create(CM, made, NAMESPACE)


def _delete(world: World, a: int, b: int) -> None:
    if (obj := world.some(_all(world), a)) is not None:
        world.client.delete(CM, name(obj), NAMESPACE, options=DeleteOptions(propagation=PROPAGATIONS[b % 3]))


def _own(world: World, a: int, b: int) -> None:
    """An object gets another owner, an earlier one: those that own each other wait for each other for ever."""
    present = _all(world)
    obj, owner = world.some(present, a), world.some(present, b)
    if obj is None or owner is None or name(owner) >= name(obj):
        return
    if any(r["uid"] == uid(owner) for r in owner_references(obj)):
        return
    references = [*owner_references(obj), owner_reference(owner, controller=False, block=bool(b & 4))]
    world.patch(CM, {"metadata": {"ownerReferences": references}}, name(obj))


def _disown(world: World, a: int, _b: int) -> None:
    if (obj := world.some(_all(world), a)) is not None:
        world.patch(CM, {"metadata": {"ownerReferences": None}}, name(obj))


def _let_go(world: World, a: int, _b: int) -> None:
    waiting = [o for o in _all(world) if "example.com/wait" in (o["metadata"].get("finalizers") or [])]
    if (obj := world.some(waiting, a)) is not None:
        left = [f for f in obj["metadata"]["finalizers"] if f != "example.com/wait"]
        world.patch(CM, {"metadata": {"finalizers": left or None}}, name(obj))


OWN: dict[str, Act] = {
    "make an object": _make,
    "make another object": _make,
    "make one object more": _make,
    "delete an object": _delete,
    "delete another object": _delete,
    "add an owner": _own,
    "remove the owners": _disown,
    "remove a finalizer": _let_go,
}


def deletes_no_more_than_asked(world: World, controller: str, verb: str, args: tuple[Any, ...], _more: Any) -> None:
    """The collector never deletes what has an owner that lives, unless that one waits for its dependents."""
    if controller != "garbage-collector" or verb != "delete":
        return
    try:
        doomed = world.client.get(CM, args[1], NAMESPACE)
    except ApiError:
        return
    present = {uid(o): o for o in _all(world)}
    alive = [present[r["uid"]] for r in owner_references(doomed) if r["uid"] in present]
    waits = [o for o in alive if is_deleting(o) and "foregroundDeletion" in (o["metadata"].get("finalizers") or [])]
    if world.lossless and owner_references(doomed):
        assert len(waits) == len(alive), f"{args[1]} has {[name(o) for o in alive if o not in waits]}"
    assert owner_references(doomed), f"{args[1]} has no owners"


@examples(20)
@given(deeds(OWN, without=WITHOUT), st.integers(0, 12))
def test_what_remains_has_an_owner_or_never_had_one(happened: list[Any], before: int) -> None:
    with World(GarbageCollector, checks=[deletes_no_more_than_asked]) as world:
        for i in range(before):
            _make(world, i * 5, i)
        world.suffer(happened, OWN)
        world.end_faults()
        while any("example.com/wait" in (o["metadata"].get("finalizers") or []) for o in _all(world)):
            _let_go(world, 0, 0)
        world.recover()
        left = {uid(o): o for o in _all(world)}
        for obj in left.values():
            missing = [r["name"] for r in owner_references(obj) if r["uid"] not in left]
            assert not missing, f"{name(obj)} names {missing}"
            assert not is_deleting(obj), name(obj)
        world.assert_at_rest()
