"""A small cluster in which anything may go wrong, step by step and always the same way.

    with World(DeploymentController, ReplicaSetController) as world:
        world.client.create(…)
        world.suffer(deeds, own_deeds)     # a list of Deeds that hypothesis made
        world.recover()                    # no more faults; every back-off has passed
        world.assert_at_rest()

Controllers, caches and kubelets run only when they are told to; time passes only when it is told to. What can happen:
writes of the controllers fail before or after they are done, a cache lags behind or lists anew, the controllers die
with all that they remember, pods and nodes come to harm.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, name, uid
from minikctl.client import DeleteOptions
from minikctl.client.informer import Informer
from minikctl.controllers.base import Controller
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import FakeKubelet
from tests.support.nodes import untainted

WRITES = ("create", "update", "patch", "delete")
LONG_ENOUGH = 1500.0
"""Seconds after which every back-off is over."""
AT_REST = 30.0
FATES = ("well", "conflict", "broken", "unanswered")
"""What becomes of a write: done; refused; refused as by a server in trouble; done, but nobody is told."""
NAMESPACE = "default"


class Deed(NamedTuple):
    """Something that happens; the numbers choose to whom and how."""

    name: str
    a: int
    b: int


Act = Callable[["World", int, int], object]
Check = Callable[["World", str, str, tuple[Any, ...], dict[str, Any]], None]
"""Called before each write of a controller: (world, controller, verb, arguments, options)."""


class Bugs(logging.Handler):
    """Exceptions of controllers and handlers are logged, not raised: here they are kept."""

    def __init__(self, found: list[BaseException]):
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._found.append(error or AssertionError(record.getMessage()))


class World:
    """`nodes` nodes with a kubelet each. `checks` see every write of a controller before it is done."""

    def __init__(self, *classes: type[Controller], nodes: int = 3, checks: Iterable[Check] = ()):
        self._folder = TemporaryDirectory(prefix="minikctl-simulation-")
        self.classes, self.checks = classes, tuple(checks)
        self.clock = FakeClock()
        self.cluster = TestCluster(Path(self._folder.name) / "state", clock=self.clock)
        self.client = self.cluster.client
        self.not_ready: set[str] = set()
        """Names of pods whose readiness probe fails."""
        self.kubelet = FakeKubelet(self.client, tuple(f"node-{i}" for i in range(nodes)), clock=self.clock)
        self.kubelet.ready = lambda pod: name(pod) not in self.not_ready
        self.fates: deque[str] = deque()
        """Of the next writes of the controllers."""
        self._held: dict[str, list[tuple[str, Any]]] = {}
        self.lossless = True
        """Whether every write was answered and every cache current so far: then more may be asked of each write."""
        self.wrong: list[BaseException] = []
        self._bugs = Bugs(self.wrong)
        logging.getLogger().addHandler(self._bugs)
        self.plane = self._start()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_exc: object) -> None:
        logging.getLogger().removeHandler(self._bugs)
        self.plane.hub.stop()
        self.cluster.close()
        self._folder.cleanup()

    def _start(self) -> ControlPlane:
        plane = ControlPlane(self.cluster, self.classes, kubelet=self.kubelet)
        for controller in plane.controllers:
            for verb in WRITES:
                real = getattr(controller.client, verb)
                setattr(controller.client, verb, self._unreliable(controller.name, verb, real))
        for informer in plane.informers._informers.values():
            self._hold_back(informer)
        return plane

    def _unreliable(self, controller: str, verb: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            if getattr(args[0], "plural", args[0]).startswith("events"):
                return real(*args, **more)
            fate = self.fates.popleft() if self.fates else "well"
            if fate == "conflict":
                raise ApiError(409, "Conflict", "the object has been modified")
            if fate == "broken":
                raise ApiError(500, "InternalError", "the server is not well")
            self._check(controller, verb, args, more)
            done = real(*args, **more)
            if fate == "unanswered":
                self.lossless = False
                raise ApiError(504, "Timeout", "done, but the answer is lost")
            return done

        return write

    def _check(self, controller: str, verb: str, args: tuple[Any, ...], more: dict[str, Any]) -> None:
        """What is found wrong is kept: a controller would take it for an error of its own, and try again."""
        for check in self.checks:
            try:
                check(self, controller, verb, args, more)
            except AssertionError as e:
                self.wrong.append(e)

    def assert_well(self) -> None:
        """No controller has done what it must not do, or met an error that nobody expects."""
        for e in self.wrong:
            raise e

    def _hold_back(self, informer: Informer) -> None:
        kind, real = informer.kind.plural, informer.apply

        def apply(event_type: str, obj: Obj) -> None:
            if kind in self._held:
                self._held[kind].append((event_type, obj))
            else:
                real(event_type, obj)

        informer.apply = apply  # type: ignore[method-assign]

    # ------------------------------------------------------------------ what there is

    def list(self, kind: str) -> Objects:
        found: Objects = self.client.list(kind, NAMESPACE)["items"]
        return sorted(found, key=lambda o: (o["metadata"]["creationTimestamp"], name(o)))

    def pods(self, *phases: str) -> Objects:
        """Those that are not on their way out, of these phases (of all, when none is given)."""
        found = [p for p in self.list("pods") if not is_deleting(p)]
        return [p for p in found if not phases or p["status"].get("phase", "Pending") in phases]

    def owned(self, owner: Obj, kind: str = "pods") -> Objects:
        return [o for o in self.list(kind) if (controller_of(o) or {}).get("uid") == uid(owner)]

    def get(self, kind: str, name_: str = "x") -> Obj:
        return self.client.get(kind, name_, NAMESPACE)

    def patch(self, kind: str, change: Obj, name_: str = "x") -> Obj:
        return self.client.patch(kind, name_, change, NAMESPACE)

    # ------------------------------------------------------------------ what happens

    def suffer(self, deeds: Iterable[Deed], own: Mapping[str, Act]) -> None:
        for deed in deeds:
            act = own.get(deed.name) or GENERAL[deed.name]
            try:
                act(self, deed.a, deed.b)
            except ApiError as e:  # what it would have happened to is gone, or does not allow it
                if e.reason not in ("NotFound", "Conflict", "TooManyRequests"):
                    raise
            self.assert_well()

    def turn(self, a: int, b: int) -> None:
        """Somebody has a turn: everybody, everybody but the kubelets are slow, or a single controller."""
        if a % 3 < 2:
            self.plane.turn(None if a % 3 == 0 else b % 4)
            return
        self.plane.hub.pump()
        controllers = self.plane.controllers
        chosen = controllers[b % len(controllers)]
        chosen.drain()
        assert chosen.recorder.flush()

    def restart(self) -> None:
        """The controllers die with all that they remember, and others take their place."""
        for controller in self.plane.controllers:
            controller.queue.shut_down()
        self.plane.hub.stop()
        self._held.clear()
        self.plane = self._start()

    def hold(self, kind: str) -> None:
        """From now on the controllers' cache of this kind learns nothing new."""
        self._held.setdefault(kind, [])
        self.lossless = False

    def release(self) -> None:
        """All caches learn what they have missed."""
        held, self._held = self._held, {}
        for informer in self.plane.informers._informers.values():
            for event_type, obj in held.get(informer.kind.plural, []):
                informer.apply(event_type, obj)

    def relist(self) -> None:
        """The watches break: the caches list anew, and never hear of what came and went in between."""
        self._held.clear()
        self.plane.hub._restart()

    def some(self, found: Objects, a: int) -> Obj | None:
        return found[a % len(found)] if found else None

    # ------------------------------------------------------------------ how it ends

    def end_faults(self) -> None:
        self.fates.clear()
        self.release()
        self.not_ready.clear()

    def recover(self, seconds: float = LONG_ENOUGH, turns: int = 3000) -> None:
        """No more faults, and long enough for everything to be in order again."""
        self.end_faults()
        self.plane.settle(seconds, turns=turns)
        self.assert_well()

    def assert_at_rest(self) -> None:
        """Half a minute passes and nothing is written; nor when all is looked at again."""
        before = self.cluster.store.current_rv()
        self.plane.settle(AT_REST)
        written = self.cluster.store.current_rv() - before
        assert not written, f"{written} writes in {AT_REST:g} seconds of rest"
        self.plane.assert_at_rest()
        self.assert_well()


# ---------------------------------------------------------------------- harm that can come to any cluster


def _delete_pod(world: World, a: int, b: int) -> None:
    if (pod := world.some(world.pods(), a)) is not None:
        grace = 0 if b % 2 else None
        world.client.delete("pods", name(pod), NAMESPACE, options=DeleteOptions(grace_period=grace))


def _finish(phase: str) -> Act:
    def act(world: World, a: int, _b: int) -> None:
        if (pod := world.some(world.pods("Running"), a)) is not None:
            world.kubelet.finish(pod, phase)

    return act


def _evict_pod(world: World, a: int, _b: int) -> None:
    if (pod := world.some(world.pods(), a)) is not None:
        made = {"metadata": {"name": name(pod)}}
        world.client.create("pods", made, NAMESPACE, name=name(pod), subresource="eviction")


def _evicted_by_kubelet(world: World, a: int, _b: int) -> None:
    """Under pressure a kubelet ends pods and says why; the object stays."""
    if (pod := world.some(world.pods("Running"), a)) is not None:
        failed = world.kubelet.finish(pod, "Failed")
        status = {**failed["status"], "reason": "Evicted", "message": "The node was low on resource: memory."}
        world.client.update("pods", {**failed, "status": status}, subresource="status")


def _probe(world: World, a: int, _b: int) -> None:
    """A pod's readiness probe fails, or works again."""
    if (pod := world.some(world.pods("Running"), a)) is not None:
        world.not_ready ^= {name(pod)}


def _relabel_pod(world: World, a: int, b: int) -> None:
    """Somebody takes a pod out by its label, or puts it back."""
    if (pod := world.some(world.pods(), a)) is not None:
        world.patch("pods", {"metadata": {"labels": {"app": "x" if b % 2 else "elsewhere"}}}, name(pod))


def _orphan_pod(world: World, a: int, _b: int) -> None:
    if (pod := world.some(world.pods(), a)) is not None:
        world.patch("pods", {"metadata": {"ownerReferences": None}}, name(pod))


def _stray_pod(world: World, a: int, _b: int) -> None:
    """A pod that somebody made by hand, with the labels of the workload."""
    pod = {
        "metadata": {"name": f"stray-{a % 5}", "labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main", "image": "app:0"}]},
    }
    try:
        world.client.create("pods", pod, NAMESPACE)
    except ApiError as e:
        if e.reason != "AlreadyExists":
            raise


def _lose_node(world: World, a: int, _b: int) -> None:
    """A node is taken out of the cluster; its agent is killed."""
    nodes = world.kubelet.nodes
    if len(nodes) > 1:
        lost = nodes[a % len(nodes)]
        world.kubelet.nodes = tuple(n for n in nodes if n != lost)
        world.client.delete("nodes", lost)


def _add_node(world: World, a: int, _b: int) -> None:
    added = f"node-{a % 5}"
    if added not in world.kubelet.nodes:
        world.kubelet.nodes = (*world.kubelet.nodes, added)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        untainted(world.client, {"metadata": {"name": added}, "status": {"conditions": [ready]}})


def _fail_writes(world: World, a: int, b: int) -> None:
    """Some of the next writes go wrong: two digits to the base 4 each."""
    world.fates.extend(FATES[n % 4] for n in (a, a // 4, a // 16, b, b // 4))


def _hold(world: World, a: int, _b: int) -> None:
    kinds = sorted({i.kind.plural for i in world.plane.informers._informers.values()})
    world.hold(kinds[a % len(kinds)])


def _wait(world: World, a: int, b: int) -> None:
    world.clock.advance((0.01, 1, 15, 100, 700)[a % 5] + b % 3)


GENERAL: dict[str, Act] = {
    "turn": World.turn,
    "turn again": World.turn,
    "turn once more": World.turn,
    "delete a pod": _delete_pod,
    "a pod fails": _finish("Failed"),
    "a pod succeeds": _finish("Succeeded"),
    "evict a pod": _evict_pod,
    "a pod is evicted by its kubelet": _evicted_by_kubelet,
    "a probe changes its mind": _probe,
    "relabel a pod": _relabel_pod,
    "orphan a pod": _orphan_pod,
    "make a stray pod": _stray_pod,
    "lose a node": _lose_node,
    "add a node": _add_node,
    "writes go wrong": _fail_writes,
    "a cache falls behind": _hold,
    "caches catch up": lambda world, _a, _b: world.release(),
    "caches list anew": lambda world, _a, _b: world.relist(),
    "controllers restart": lambda world, _a, _b: world.restart(),
    "time passes": _wait,
}
