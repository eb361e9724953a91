"""Controllers on a test cluster, driven by hand: nothing happens until the test says so, and then always the same.

    plane = ControlPlane(cluster, [DeploymentController, ReplicaSetController])
    cluster.client.create("deployments.apps", …)
    plane.settle()

`settle` lets caches, controllers and the fake kubelet take turns until nobody has anything left to do. Time stands
still unless `settle` is given seconds to let pass.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from minikctl.apiserver.hub import JournalHub
from minikctl.client.informer import InformerFactory
from minikctl.controllers.base import Context, Controller
from minikctl.controllers.manager import Manager
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.fake_kubelet import FakeKubelet

SOON = 0.5
"""Delayed work due within this many seconds (retries) is not waited for: the clock is moved."""


class PumpedHub(JournalHub):
    """A journal hub without a thread: `pump` delivers what has been written."""

    def _run(self) -> None:
        return None

    def pump(self) -> None:
        self.catch_up()


class ControlPlane:
    """`cluster` must have been made with a FakeClock. `kubelet=None` leaves pods alone."""

    def __init__(
        self,
        cluster: TestCluster,
        classes: Iterable[type[Controller]],
        *,
        kubelet: FakeKubelet | None = None,
        settings: dict[str, object] | None = None,
        seed: int = 7,
    ):
        assert isinstance(cluster.clock, FakeClock)
        self.cluster, self.clock, self.kubelet = cluster, cluster.clock, kubelet
        if (before := cluster.client._hub._hub) is not None:
            before.stop()
        self.hub = PumpedHub(cluster.api)
        cluster.client._hub._hub = self.hub
        self.informers = InformerFactory(cluster.client)
        context = Context(cluster.client, self.informers, self.clock, random.Random(seed), dict(settings or {}))
        self.controllers = Manager(context, classes).controllers
        self.informers.start()

    def turn(self, kubelet_limit: int | None = None) -> int:
        """Everybody has one turn. The number of things done."""
        before = self.cluster.store.current_rv()
        self.hub.pump()
        syncs = sum(c.drain() for c in self.controllers)
        for controller in self.controllers:
            assert controller.recorder.flush()
        self.hub.pump()
        if self.kubelet is not None:
            self.kubelet.step(kubelet_limit)
            self.hub.pump()
        return syncs + self.cluster.store.current_rv() - before

    def settle(self, seconds: float = 0.0, *, turns: int = 500) -> None:
        """Take turns until all is quiet, `seconds` later. Fails after `turns`: something never comes to rest."""
        until = self.clock.monotonic() + seconds
        for _ in range(turns):
            if self.turn():
                continue
            due = min((d for c in self.controllers if (d := c.queue.due_in()) is not None), default=None)
            left = until - self.clock.monotonic()
            if due is not None and due <= max(SOON, left):
                self.clock.advance(max(due, 0.0) + 0.001)
            elif left > 0:
                self.clock.advance(left)
            else:
                return
        raise AssertionError(f"no rest after {turns} turns: {[c.name for c in self.controllers if not c.queue.idle]}")

    def assert_at_rest(self) -> None:
        """Have every controller look at everything again: nothing may be written."""
        before = self.cluster.store.current_rv()
        for controller in self.controllers:
            for informer in list(self.informers._informers.values()):
                for obj in informer.list():
                    for handler in informer._handlers:
                        handler.add(obj)
            controller.drain()
            assert controller.recorder.flush()
        assert self.cluster.store.current_rv() == before, self.cluster.client.list("events")["items"][-3:]
