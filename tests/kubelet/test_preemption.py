"""Which pods go for a critical one: pure, and as a cluster shows it."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, condition_is, find_condition
from minikctl.api.scheduling import pod_requests
from minikctl.kubelet.preemption import Candidate, NothingToPreempt, victims
from tests.kubelet.test_simulated_agent import agent, create, fetch, live, until

__all__ = ["agent", "live"]

CRITICAL = 2_000_000_000


def pod(name: str, cpu: str = "", limits: Obj | None = None, priority: int = 0) -> Obj:
    resources: Obj = {"requests": {"cpu": cpu}} if cpu else {}
    if limits:
        resources["limits"] = limits
        resources["requests"] = limits
    return {
        "metadata": {"name": name},
        "spec": {"priority": priority, "containers": [{"name": "app", "resources": resources}]},
    }


def chosen(here: list[Obj], missing: dict[str, int], priority: int = CRITICAL) -> list[str]:
    candidates = [Candidate(p, pod_requests(p["spec"])) for p in here]
    found = victims(pod("critical", priority=priority), candidates, missing)
    return [one.pod["metadata"]["name"] for one in found]


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("here", "missing", "names"),
    [
        ([pod("a", "1"), pod("b", "2")], {"cpu": 1500}, ["b"]),
        ([pod("a", "1"), pod("b", "2")], {"cpu": 500}, ["a"]),
        ([pod("a", "1"), pod("b", "2")], {"cpu": 2500}, ["b", "a"]),
        ([pod("guaranteed", limits=FULL), pod("burstable", "1")], {"cpu": 500}, ["burstable"]),
        ([pod("guaranteed", limits=FULL), pod("burstable", "1")], {"cpu": 1500}, ["burstable", "guaranteed"]),
        ([pod("burstable", "1"), pod("nothing")], {"pods": 1}, ["nothing"]),
        ([pod("other", "1", priority=CRITICAL), pod("a", "1", priority=5)], {"cpu": 1000}, ["a"]),
        ([pod("a", "1")], {}, []),
    ],
)
def test_who_goes(here: list[Obj], missing: dict[str, int], names: list[str]) -> None:
    assert chosen(here, missing) == names


@pytest.mark.parametrize("here", [[pod("a", "1")], [pod("a", "9", priority=CRITICAL + 1)]])
def test_nobody_goes_in_vain(here: list[Obj]) -> None:
    with pytest.raises(NothingToPreempt, match=r"reclaim resources: \[\(res: cpu, q: [12]000\), \]"):
        chosen(here, {"cpu": 2000})


def fill(live: Any, name: str, cpu: str, **more: Any) -> None:
    container = {"name": "app", "image": "any:1", "resources": {"requests": {"cpu": cpu}}}
    create(live, name, containers=[container], **more)


def phase(live: Any, name: str) -> str:
    return str(fetch(live, name)["status"].get("phase"))


def test_a_critical_pod_displaces_another(live: Any, agent: Any) -> None:
    room = int(live.client.get("nodes", "node-1")["status"]["allocatable"]["cpu"])
    fill(live, "large", str(room - 1))
    fill(live, "small", "1")
    for name in ("large", "small"):
        until(lambda: condition_is(fetch(live, name), "Ready"), name)  # noqa: B023
    for name, value in (("vital", 1_000_000_000), ("system-node-critical", 2_000_001_000)):
        live.client.create("priorityclasses", {"metadata": {"name": name}, "value": value})
    fill(live, "vital", "1", priorityClassName="vital")
    refused = until(lambda: (p := fetch(live, "vital")) and p["status"].get("reason") and p)
    assert refused["status"]["reason"] == "OutOfcpu"
    fill(live, "critical", "1", priorityClassName="system-node-critical")
    until(lambda: condition_is(fetch(live, "critical"), "Ready"), "critical")
    gone = fetch(live, "small")["status"]
    assert (gone["phase"], gone["reason"]) == ("Failed", "Preempting")
    assert gone["message"] == "Preempted in order to admit critical pod"
    assert find_condition(gone["conditions"], "DisruptionTarget")["reason"] == "TerminationByKubelet"
    assert phase(live, "large") == "Running"
    events = [e for e in live.client.list("events", "default")["items"] if e["reason"] == "Preempting"]
    assert [e["involvedObject"]["name"] for e in events] == ["small"]
    fill(live, "huge", str(room), priorityClassName="system-node-critical")
    refused = until(lambda: (p := fetch(live, "huge")) and p["status"].get("reason") and p)
    assert refused["status"]["reason"] == "UnexpectedAdmissionError"
    assert phase(live, "large") == "Running"
