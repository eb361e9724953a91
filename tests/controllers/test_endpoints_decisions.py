"""Endpoints and EndpointSlices, as functions: ports, addresses, spreading."""

from __future__ import annotations

import random
from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, name
from minikctl.controllers.common.services import TriggerTimes, find_port
from minikctl.controllers.endpoint_slice.desired import Group, desired, endpoint_key, ports_key
from minikctl.controllers.endpoint_slice.reconcile import reconcile
from minikctl.controllers.endpoints import subsets_of
from tests.controllers.objects import pod, service


def running(name_: str, ip: str, **more: Any) -> Obj:
    made = pod(name_, **more)
    made["status"] |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return made


def stored(**spec: Any) -> Obj:
    made = service(**spec)
    made["metadata"]["namespace"] = "default"
    return made


def test_named_ports_differ_from_pod_to_pod() -> None:
    a, b, c = running("a", "10.0.0.1"), running("b", "10.0.0.2"), running("c", "10.0.0.3")
    a["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    b["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 9090, "protocol": "TCP"}]
    c["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 1, "protocol": "UDP"}]
    of = stored(ports=[{"name": "web", "port": 80, "targetPort": "http"}])
    groups = desired(of, [a, b, c], "IPv4", lambda _n: {}).groups
    assert sorted((g.ports[0]["port"] if g.ports else 0, len(g.endpoints)) for g in groups.values()) == [
        (0, 1),
        (8080, 1),
        (9090, 1),
    ]
    subsets, cut = subsets_of(of, [a, b, c])
    assert [(s["addresses"][0]["ip"], s["ports"][0]["port"]) for s in subsets] == [
        ("10.0.0.1", 8080),
        ("10.0.0.2", 9090),
    ]
    assert not cut


def test_ports_shared_by_all_and_by_some() -> None:
    a, b = running("a", "10.0.0.1"), running("b", "10.0.0.2")
    a["spec"]["containers"][0]["ports"] = [{"name": "extra", "containerPort": 1}]
    of = stored(ports=[{"name": "all", "port": 80}, {"name": "some", "port": 81, "targetPort": "extra"}])
    subsets, _ = subsets_of(of, [a, b])
    shown = [([x["ip"] for x in s["addresses"]], [p["name"] for p in s["ports"]]) for s in subsets]
    assert shown == [(["10.0.0.1", "10.0.0.2"], ["all"]), (["10.0.0.1"], ["some"])]


def test_find_port() -> None:
    of = running("a", "10.0.0.1")
    of["spec"]["initContainers"] = [
        {"name": "side", "restartPolicy": "Always", "ports": [{"name": "metrics", "containerPort": 9}]},
        {"name": "init", "ports": [{"name": "never", "containerPort": 9}]},
    ]
    assert find_port(of, {"port": 80}) == 80 and find_port(of, {"port": 80, "targetPort": 8}) == 8
    assert find_port(of, {"port": 80, "targetPort": "metrics"}) == 9
    assert find_port(of, {"port": 80, "targetPort": "never"}) is None


def test_host_names_of_a_headless_service() -> None:
    a = running("a", "10.0.0.1")
    a["spec"] |= {"hostname": "db-0", "subdomain": "web"}
    b = running("b", "10.0.0.2")
    b["spec"] |= {"hostname": "db-1", "subdomain": "other"}
    of = stored(clusterIP="None", ports=None)
    found = [e for g in desired(of, [a, b], "IPv4", lambda _n: {}).groups.values() for e in g.endpoints.values()]
    assert [e.get("hostname") for e in found] == ["db-0", None]
    (subset,) = subsets_of(of, [a, b])[0]
    assert "ports" not in subset and [x.get("hostname") for x in subset["addresses"]] == ["db-0", None]


def test_a_thousand_addresses_are_enough() -> None:
    many = [running(f"p{i}", f"10.{i // 250}.0.{i % 250}", ready=1 if i % 2 else None) for i in range(1200)]
    (subset,), cut = subsets_of(stored(), many)
    assert cut and len(subset["addresses"]) == 600 and len(subset["notReadyAddresses"]) == 400


def test_both_families() -> None:
    both = running("a", "10.0.0.1")
    both["status"]["podIPs"] = [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]
    for family, address in (("IPv4", "10.0.0.1"), ("IPv6", "fd00::1")):
        (group,) = desired(stored(), [both], family, lambda _n: {}).groups.values()
        assert [e["addresses"] for e in group.endpoints.values()] == [[address]]


def test_trigger_times() -> None:
    times, of = TriggerTimes(), stored()
    of["metadata"]["creationTimestamp"] = "2026-01-01T00:00:05Z"
    a, b = pod("a", ready=100), pod("b", ready=50)
    assert times.compute(of, []) == "2026-01-01T00:00:05Z"
    assert times.compute(of, [a, b]) == "2025-12-31T23:58:20Z"
    assert times.compute(of, [a, b]) == ""
    assert times.compute(of, [a, pod("b", ready=10)]) == "2025-12-31T23:59:50Z"


def _endpoint(i: int, ready: bool = True) -> Obj:
    return {
        "addresses": [f"10.0.{i // 250}.{i % 250}"],
        "conditions": {"ready": ready},
        "targetRef": {"namespace": "default", "name": f"p{i}"},
    }


PORTS = [{"name": "", "protocol": "TCP", "port": 80}]
LABELS = {"kubernetes.io/service-name": "web"}


def _slice(name_: str, *numbers: int, labels: dict[str, str] | None = None) -> Obj:
    made = {"metadata": {"name": name_, "labels": LABELS if labels is None else labels}, "ports": PORTS}
    return made | {"endpoints": [_endpoint(i) for i in numbers]}


def _reconciled(present: Objects, wanted: Objects, maximum: int = 3) -> tuple[list[int], list[str], list[str], Objects]:
    """(sizes of created slices, names of updated ones, of deleted ones, all slices afterwards)."""

    def make(ports: Objects) -> Obj:
        return {"metadata": {"labels": LABELS}, "ports": ports, "endpoints": []}

    group = Group(PORTS, {endpoint_key(e): e for e in wanted})
    groups = {ports_key(PORTS): group} if wanted else {}
    changes = reconcile(groups, present, LABELS, make, maximum=maximum)
    gone = {name(s) for s in (*changes.delete, *changes.update)}
    after = [*(s for s in present if name(s) not in gone), *changes.create, *changes.update]
    return (
        [len(s["endpoints"]) for s in changes.create],
        list(map(name, changes.update)),
        list(map(name, changes.delete)),
        after,
    )


@pytest.mark.parametrize(
    ("present", "wanted", "created", "updated", "deleted"),
    [
        ([], [1, 2], [2], [], []),
        ([], [1, 2, 3, 4], [3, 1], [], []),
        ([("a", 1, 2)], [1, 2], [], [], []),
        ([("a", 1, 2)], [1, 2, 3], [], ["a"], []),
        ([("a", 1, 2)], [1], [], ["a"], []),
        ([("a", 1, 2, 3)], [1, 2, 3, 4], [1], [], []),
        ([("a", 1, 2, 3)], [1, 2, 4], [], ["a"], []),
        ([("a", 1), ("b", 2, 3)], [1, 2, 3, 4], [], ["b"], []),
        ([("a", 1, 2), ("b", 3)], [1, 2], [], [], ["b"]),
        ([("a", 1, 2), ("b", 3)], [1, 2, 4], [], ["a"], ["b"]),
        ([("a", 1), ("b", 2)], [2, 3], [], ["b"], ["a"]),
    ],
)
def test_spreading(
    present: list[tuple[Any, ...]], wanted: list[int], created: list[int], updated: list[str], deleted: list[str]
) -> None:
    made = [_slice(n, *numbers) for n, *numbers in present]
    assert _reconciled(made, [_endpoint(i) for i in wanted])[:3] == (created, updated, deleted)


def test_nothing_left_turns_the_last_slice_into_the_placeholder() -> None:
    created, updated, deleted, after = _reconciled([_slice("a", 1), _slice("b", 2)], [])
    assert (
        (created, deleted) == ([], ["b"]) and updated == ["a"] and not after[0]["endpoints"] and not after[0]["ports"]
    )
    assert _reconciled(after, [])[:3] == ([], [], [])


def test_changed_labels_are_written_to_every_slice() -> None:
    made = [_slice("a", 1, labels={}), _slice("b", 2)]
    assert _reconciled(made, [_endpoint(1), _endpoint(2)])[:3] == ([], ["a"], [])


def test_a_changed_endpoint_stays_where_it_is() -> None:
    _, updated, _, after = _reconciled(
        [_slice("a", 1, 2), _slice("b", 3)], [_endpoint(1), _endpoint(2, False), _endpoint(3)]
    )
    assert updated == ["a"] and after[-1]["endpoints"][1]["conditions"] == {"ready": False}


@pytest.mark.parametrize("seed", range(30))
def test_random_spreading_holds_each_endpoint_once(seed: int) -> None:
    rng = random.Random(seed)
    present: Objects = []
    for turn in range(12):
        wanted = [_endpoint(i, rng.random() < 0.8) for i in rng.sample(range(40), k=rng.randrange(30))]
        _, _, _, present = _reconciled(present, wanted, maximum=5)
        for i, each in enumerate(present):
            each["metadata"].setdefault("name", f"s{seed}-{turn}-{i}")
        held = [e for s in present for e in s["endpoints"]]
        key = sorted(map(repr, held))
        assert key == sorted(map(repr, wanted)) and all(len(s["endpoints"]) <= 5 for s in present)
        assert present and _reconciled(present, wanted, maximum=5)[:3] == ([], [], [])
