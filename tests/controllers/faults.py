"""Random faults for controllers: lost pods, conflicts, answers that never arrive, restarts.

`Trouble(make, seed)` runs a control plane; `happen` lets something go wrong, `peace` ends all faults and waits until
nobody has anything to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, is_deleting, name
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import FakeKubelet

WRITES = ("create", "update", "patch", "delete")


class Trouble:
    """`share` of all the controllers' writes go wrong while it lasts."""

    def __init__(self, cluster: TestCluster, classes: tuple[type[Controller], ...], seed: int, share: float = 0.15):
        self.cluster, self.classes, self.share = cluster, classes, share
        self.rng = random.Random(seed)
        self.kubelet = FakeKubelet(cluster.client, clock=cluster.clock)
        self.lasts = True
        self.succeeded: set[str] = set()
        """uids of the pods that this test has let succeed."""
        self.plane = self._start()

    def _start(self) -> ControlPlane:
        plane = ControlPlane(self.cluster, self.classes, kubelet=self.kubelet, seed=self.rng.randrange(1000))
        for controller in plane.controllers:
            for verb in WRITES:
                setattr(controller.client, verb, self._unreliable(getattr(controller.client, verb)))
        return plane

    def _unreliable(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            fate = self.rng.random() if self.lasts else 1.0
            if fate < self.share / 3:
                raise ApiError(409, "Conflict", "the object has been modified")
            if fate < self.share * 2 / 3:
                raise ApiError(500, "InternalError", "the server is not well")
            done = real(*args, **more)
            if fate < self.share:
                raise ApiError(504, "Timeout", "done, but the answer is lost")
            return done

        return write

    # ------------------------------------------------------------------ what goes wrong

    def pods(self, *phases: str) -> Objects:
        found: Objects = self.cluster.client.list("pods", "default")["items"]
        return [p for p in found if not phases or p["status"].get("phase") in phases]

    def happen(self, *more: Callable[[], None]) -> None:
        """One thing goes wrong (or one of `more` is done), then everybody has a turn or two."""
        deeds = [self._delete_pod, self._vanish, self._fail, self._restart, self._pause, *more]
        self.rng.choice(deeds)()
        for _ in range(self.rng.randrange(3)):
            self.plane.turn(self.rng.choice([None, 0, 1, 2]))
        if self.rng.random() < 0.3:
            self.plane.clock.advance(self.rng.choice([0.01, 1, 15]))

    def _some_pod(self, *phases: str) -> Obj | None:
        found = [p for p in self.pods(*phases) if not is_deleting(p)]
        return self.rng.choice(found) if found else None

    def _delete_pod(self) -> None:
        if (pod := self._some_pod()) is not None:
            self.cluster.client.delete("pods", name(pod), "default")

    def _vanish(self) -> None:
        if (pod := self._some_pod()) is not None:
            self.cluster.client.delete("pods", name(pod), "default", options=DeleteOptions(grace_period=0))

    def _fail(self) -> None:
        if (pod := self._some_pod("Running")) is not None:
            self.kubelet.finish(pod, "Failed")

    def succeed(self) -> None:
        if (pod := self._some_pod("Running")) is not None:
            self.kubelet.finish(pod)
            self.succeeded.add(pod["metadata"]["uid"])

    def _restart(self) -> None:
        """The controllers die with all that they remember."""
        for controller in self.plane.controllers:
            controller.queue.shut_down()
        self.plane = self._start()

    def _pause(self) -> None:
        self.plane.turn(0)

    # ------------------------------------------------------------------ and ends

    def peace(self, seconds: float = 1300) -> None:
        """No more faults; long enough for every back-off."""
        self.lasts = False
        self.plane.settle(seconds, turns=3000)
