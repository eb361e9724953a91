"""How fast nodes are given up, by zone."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.controllers.common import zones
from minikctl.controllers.node_lifecycle import NodeLifecycleController
from tests.controllers.conftest import MakePlane


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (3, 0, "Normal"),
        (1, 1, "Normal"),
        (1, 2, "Normal"),  # two are no disruption, however large their share
        (2, 3, "PartialDisruption"),
        (3, 3, "Normal"),  # 50 %
        (9, 11, "PartialDisruption"),  # 55 %
        (0, 1, "FullDisruption"),
        (0, 0, "Normal"),
    ],
)
def test_states(ready: int, not_ready: int, state: str) -> None:
    assert zones.state(ready, not_ready) == state


def node(name: str, zone: str, ready: bool) -> Obj:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
    return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions}}


def several(**given: tuple[int, int]) -> list[Obj]:
    """`a=(ready, not ready)` of a zone."""
    return [
        node(f"{zone}-{i}", zone, i < ready)
        for zone, (ready, not_ready) in given.items()
        for i in range(ready + not_ready)
    ]


@pytest.mark.parametrize(
    ("nodes", "rates"),
    [
        (several(a=(3, 0)), {":a": 0.1}),
        (several(a=(2, 3)), {":a": 0.0}),  # a small zone: nothing for now
        (several(a=(20, 31)), {":a": 0.01}),  # a large one: slowly
        (several(a=(3, 0), b=(0, 3)), {":a": 0.1, ":b": 0.1}),  # a whole zone is lost, others are there
        (several(a=(0, 3), b=(0, 3)), {":a": 0.0, ":b": 0.0}),  # everything is: it is us
        (several(a=(2, 3), b=(3, 0)), {":a": 0.0, ":b": 0.1}),
    ],
)
def test_rates(nodes: list[Obj], rates: dict[str, float]) -> None:
    assert zones.rates(nodes) == rates


def test_a_turn_every_ten_seconds() -> None:
    limiter = zones.Limiter(100.0)
    assert limiter.wait(0.1, 100.0) == 0.0
    assert limiter.wait(0.1, 100.0) == pytest.approx(10.0)
    assert limiter.wait(0.1, 104.0) == pytest.approx(6.0)
    assert limiter.wait(0.0, 105.0) is None
    assert limiter.wait(0.1, 112.0) == 0.0
    assert limiter.wait(0.1, 1000.0) == 0.0
    assert limiter.wait(0.1, 1000.0) == pytest.approx(10.0)  # turns that nobody took are not saved up


def test_nodes_are_given_up_one_after_the_other(plane_of: MakePlane) -> None:
    plane = plane_of(NodeLifecycleController)
    client = plane.cluster.client

    def renew(*names: str) -> None:
        stamp = plane.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for name in names:
            spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": stamp}
            body = {"metadata": {"name": name}, "spec": spec}
            try:
                client.patch("leases", name, {"spec": spec}, "kube-node-lease")
            except Exception:
                client.create("leases", body, "kube-node-lease")

    ready = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}
    names = [n["metadata"]["name"] for n in client.list("nodes")["items"]]
    for i in range(len(names), 6):
        client.create("nodes", {"metadata": {"name": f"more-{i}"}})
        client.patch("nodes", f"more-{i}", ready, subresource="status")
    names = [n["metadata"]["name"] for n in client.list("nodes")["items"]]
    lost = names[:3]

    def tainted() -> int:
        found = [client.get("nodes", n)["spec"].get("taints") or [] for n in lost]
        return sum(any(t["effect"] == "NoExecute" for t in ts) for ts in found)

    renew(*names)
    plane.settle(1)
    seen = []
    for _ in range(14):  # three of six are silent: half of the zone, which is no disruption
        renew(*names[3:])
        plane.settle(5)
        seen.append(tainted())
    assert sorted(seen) == seen and set(seen) == {0, 1, 2, 3}
    first = {count: seen.index(count) for count in (1, 2, 3)}
    assert first[2] - first[1] >= 2 and first[3] - first[2] >= 2  # ten seconds between them
