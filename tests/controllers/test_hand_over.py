"""Several controller managers, of which one leads: no replica is ever made twice, whatever happens to the leader."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from minikctl.client.informer import InformerFactory
from minikctl.client.leader_election import LeaderElector, Timing
from minikctl.client.local import LocalClient
from minikctl.controllers.base import Context
from minikctl.controllers.manager import Manager
from minikctl.controllers.replica_set import CONTROLLER as ReplicaSetController
from minikctl.store.journal import read_records
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import PumpedHub

HAND_OVERS, REPLICAS = 20, 3
REPLICA_SET = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": REPLICAS,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    },
}


class Plane:
    """A controller manager as a process has it: its own client, caches and identity."""

    def __init__(self, root: Path, clock: FakeClock, identity: str):
        self.root, self.clock, self.identity = root, clock, identity
        candidate = LocalClient.on_files(root, actor="kube-controller-manager", clock=clock)
        self.candidate = candidate
        self.elector = LeaderElector(candidate, "kube-controller-manager", identity, Timing(), clock=clock)
        self.client: LocalClient | None = None

    def close(self) -> None:
        if self.client is not None:
            self.informers.stop()
            self.client.close()
        self.candidate.close()

    def stand(self) -> bool:
        return self.elector.try_acquire_or_renew()

    def lead(self) -> None:
        self.client = LocalClient.on_files(self.root, actor="kube-controller-manager", clock=self.clock)
        self.client.lead_by("kube-controller-manager", self.identity)
        self.hub = PumpedHub(self.client.api)
        self.client._hub._hub = self.hub
        self.informers = InformerFactory(self.client)
        context = Context(self.client, self.informers, self.clock)
        self.controllers = Manager(context, [ReplicaSetController]).controllers
        self.informers.start()

    def act(self) -> None:
        """Do what its caches say, which may be old."""
        for controller in self.controllers:
            controller.drain()
            controller.recorder.flush()

    def work(self) -> None:
        """All that it can do now. A leader that was deposed works on, too, until it notices."""
        for _ in range(3):
            self.hub.pump()
            self.act()
            self.clock.advance(0.01)


def test_no_pod_is_made_twice_through_twenty_hand_overs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "controllers")
    clock = FakeClock()
    cluster = TestCluster(tmp_path / "state", clock=clock)
    made = cluster.client.create("replicasets.apps", REPLICA_SET, "default")
    planes = [Plane(cluster.root, clock, f"plane-0-{i}") for i in range(3)]
    leader = planes[0]
    assert leader.stand()
    leader.lead()
    leader.work()
    old: list[Plane] = []
    every = [*planes]
    for turn in range(HAND_OVERS):
        assert not any(p.stand() for p in planes if p is not leader)
        pods = cluster.client.list("pods", "default")["items"]
        assert len(pods) == REPLICAS
        cluster.client.delete("pods", pods[turn % REPLICAS]["metadata"]["name"], "default")
        # the leader falls silent, but its threads go on: a worse one than one that was killed
        if turn % 2:
            leader.elector.release()
        clock.advance(15.1)
        follower = next(p for p in planes if p is not leader and p.stand())
        old.append(leader)
        for zombie in old[-2:]:  # knows that a pod is missing, and is slow to do something about it
            zombie.hub.pump()
        follower.lead()
        follower.work()
        for zombie in old[-2:]:
            zombie.act()
        for plane in [*old[-2:], follower]:
            plane.work()
        planes = [
            Plane(cluster.root, clock, f"plane-{turn + 1}-{i}") if p is leader else p for i, p in enumerate(planes)
        ]
        every += [p for p in planes if p not in every]
        leader = follower
    for plane in every:
        plane.close()
    records = [r for f in sorted((cluster.root / "journal").glob("*.jsonl")) for r in read_records(f)]
    at_once, most = 0, 0
    for record in records:
        if record.key.startswith("pods/"):
            at_once += {"ADDED": 1, "DELETED": -1}.get(record.type, 0)
            most = max(most, at_once)
    assert most == REPLICAS
    created = [r for r in records if r.key.startswith("pods/") and r.type == "ADDED"]
    assert len(created) == REPLICAS + HAND_OVERS
    lease = cluster.client.get("leases", "kube-controller-manager", "kube-system")["spec"]
    assert lease["leaseTransitions"] == HAND_OVERS
    assert cluster.client.get("replicasets.apps", "web", "default")["metadata"]["uid"] == made["metadata"]["uid"]
    cluster.close()
