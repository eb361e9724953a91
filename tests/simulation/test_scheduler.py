"""The scheduler: every pod that fits anywhere gets a node that it fits on, and none is removed for a lesser one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, is_deleting, labels_of, name
from minikctl.api.quantity import milli
from minikctl.client import DeleteOptions
from minikctl.client.informer import InformerFactory
from minikctl.scheduler.scheduler import Scheduler
from minikctl.util.clock import FakeClock
from tests.simulation.strategies import examples
from tests.simulation.world import FATES, NAMESPACE, WRITES, Deed
from tests.support.cluster import TestCluster
from tests.support.control_plane import PumpedHub
from tests.support.nodes import untainted

PRIORITIES = {"": 0, "low": 10, "high": 1000}
TAINT = {"key": "dedicated", "value": "x", "effect": "NoSchedule"}


class Rack:
    """A cluster of a store and a scheduler. Nodes run nothing; pods that are to end do so at once."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="minikctl-simulation-")
        self.clock = FakeClock()
        self.cluster = TestCluster(Path(self._folder.name) / "state", clock=self.clock)
        self.client = self.cluster.client
        for title, value in PRIORITIES.items():
            if title:
                self.client.create("priorityclasses", {"metadata": {"name": title}, "value": value})
        self.fates: list[str] = []
        self.wrong: list[str] = []
        self.made = 0
        self.unheard = False
        """Whether the scheduler takes something for undone that was done: until the news come it may overbook a node."""
        self.start()

    def __enter__(self) -> Rack:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.hub.stop()
        self.cluster.close()
        self._folder.cleanup()

    def start(self) -> None:
        self.hub = PumpedHub(self.cluster.api)
        self.client._hub._hub = self.hub
        informers = InformerFactory(self.client)
        self.scheduler = Scheduler(
            self.client, informers, clock=self.clock, rng=random.Random(1), submit=lambda work: work()
        )
        for verb in WRITES:
            setattr(self.scheduler.client, verb, self._unreliable(verb, getattr(self.scheduler.client, verb)))
        informers.start()

    def restart(self) -> None:
        self.hub.stop()
        self.start()

    def _unreliable(self, verb: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            if getattr(args[0], "plural", args[0]).startswith("events"):
                return real(*args, **more)
            fate = self.fates.pop(0) if self.fates else "well"
            if fate == "conflict":
                raise ApiError(409, "Conflict", "the object has been modified")
            if fate == "broken":
                raise ApiError(500, "InternalError", "the server is not well")
            if verb == "create" and more.get("subresource") == "binding":
                self._check_binding(args[1])
            if verb == "delete":
                self._check_victim(args[1])
            done = real(*args, **more)
            if fate == "unanswered":
                self.unheard = True
                raise ApiError(504, "Timeout", "done, but the answer is lost")
            return done

        return write

    def _check_binding(self, binding: Obj) -> None:
        pod = self.client.get("pods", name(binding), NAMESPACE)
        node = next((n for n in self.nodes() if name(n) == binding["target"]["name"]), None)
        others = [p for p in self.pods() if p["spec"].get("nodeName") == binding["target"]["name"]]
        if not self.unheard and (node is None or not fits(pod, node, others)):
            self.wrong.append(f"{name(pod)} does not fit on {binding['target']['name']}")

    def _check_victim(self, victim: str) -> None:
        doomed = self.client.get("pods", victim, NAMESPACE)
        waiting = [priority(p) for p in self.pods() if not p["spec"].get("nodeName")]
        if not self.unheard and priority(doomed) >= max(waiting, default=0):
            self.wrong.append(f"{victim} goes for none of a higher priority")

    # ------------------------------------------------------------------ what there is

    def pods(self) -> Objects:
        found: Objects = self.client.list("pods", NAMESPACE)["items"]
        return sorted(found, key=name)

    def nodes(self) -> Objects:
        found: Objects = self.client.list("nodes")["items"]
        return sorted(found, key=name)

    # ------------------------------------------------------------------ what happens

    def step(self) -> None:
        self.hub.pump()
        self.unheard = False
        self.scheduler.drain()
        assert self.scheduler.recorder.flush()
        self.hub.pump()

    def end_pods(self) -> None:
        """Kubelets: what is being deleted is gone."""
        present = {name(n) for n in self.nodes()}
        for pod in self.pods():
            if is_deleting(pod) or pod["spec"].get("nodeName", "") not in present | {""}:
                self.client.delete("pods", name(pod), NAMESPACE, options=DeleteOptions(grace_period=0))

    def add_node(self, a: int, b: int) -> None:
        title = f"n{a % 5}"
        if title not in [name(n) for n in self.nodes()]:
            untainted(self.client, {"metadata": {"name": title, "labels": {"disk": ("ssd", "hdd")[b % 2]}}})
            room = {"cpu": f"{1 + b % 4}", "memory": "4Gi", "pods": f"{2 + b % 5}"}
            self.client.patch("nodes", title, {"status": {"allocatable": room}}, subresource="status")

    def add_pod(self, a: int, b: int) -> None:
        self.made += 1
        container: Obj = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": f"{250 * (1 + a % 6)}m"}}}
        if b % 7 == 0:
            container["ports"] = [{"containerPort": 80, "hostPort": 8000 + a % 2}]
        spec: Obj = {"containers": [container]}
        if b % 5 == 0:
            spec["nodeSelector"] = {"disk": ("ssd", "hdd")[a % 2]}
        if b % 3 == 0:
            spec["tolerations"] = [{"key": "dedicated", "operator": "Exists"}]
        if (chosen := list(PRIORITIES)[a // 6 % 3]) != "":
            spec["priorityClassName"] = chosen
        self.client.create("pods", {"metadata": {"name": f"p{self.made:03}"}, "spec": spec}, NAMESPACE)

    def change_node(self, a: int, b: int) -> None:
        if present := self.nodes():
            title = name(present[a % len(present)])
            spec: list[Obj] = [
                {"taints": [TAINT]},
                {"taints": None},
                {"unschedulable": True},
                {"unschedulable": None},
            ]
            self.client.patch("nodes", title, {"spec": spec[b % 4]})

    def label_node(self, a: int, b: int) -> None:
        if present := self.nodes():
            labels = {"disk": ("ssd", "hdd")[b % 2]}
            self.client.patch("nodes", name(present[a % len(present)]), {"metadata": {"labels": labels}})

    def drop_node(self, a: int, _b: int) -> None:
        if present := self.nodes():
            self.client.delete("nodes", name(present[a % len(present)]))

    def drop_pod(self, a: int, _b: int) -> None:
        if present := self.pods():
            self.client.delete("pods", name(present[a % len(present)]), NAMESPACE)

    def fail_writes(self, a: int, b: int) -> None:
        self.fates.extend(FATES[n % 4] for n in (a, a // 4, a // 16, b, b // 4))

    def recover(self) -> None:
        """No more faults; long enough for every back-off and for the pods that nobody has asked after."""
        self.fates.clear()
        began = self.clock.monotonic()
        for _ in range(60):
            before = self.cluster.store.current_rv()
            self.step()
            self.end_pods()
            self.clock.advance(11)
            if self.cluster.store.current_rv() == before and self.clock.monotonic() - began > 400:
                break
        self.step()


ACTS: dict[str, Callable[[Rack, int, int], None]] = {
    "add a node": Rack.add_node,
    "add another node": Rack.add_node,
    "add a pod": Rack.add_pod,
    "add another pod": Rack.add_pod,
    "add one pod more": Rack.add_pod,
    "taint or cordon a node": Rack.change_node,
    "label a node": Rack.label_node,
    "take a node out": Rack.drop_node,
    "delete a pod": Rack.drop_pod,
    "writes go wrong": Rack.fail_writes,
    "schedule": lambda rack, _a, _b: rack.step(),
    "schedule again": lambda rack, _a, _b: rack.step(),
    "pods end": lambda rack, _a, _b: rack.end_pods(),
    "the scheduler restarts": lambda rack, _a, _b: rack.restart(),
    "time passes": lambda rack, a, _b: rack.clock.advance((0.5, 3, 12, 400)[a % 4]),
}
NUMBER = st.integers(0, 255)
DEEDS = st.integers(0, 50).flatmap(
    lambda n: st.lists(st.builds(Deed, st.sampled_from(sorted(ACTS)), NUMBER, NUMBER), min_size=n, max_size=n)
)


# ---------------------------------------------------------------------- what is right


def priority(pod: Obj) -> int:
    return int(pod["spec"].get("priority") or 0)


def cpu(pod: Obj) -> int:
    return sum(milli(c["resources"]["requests"]["cpu"]) for c in pod["spec"]["containers"])


def ports(pod: Obj) -> set[int]:
    return {p["hostPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or [] if p.get("hostPort")}


def allows(pod: Obj, node: Obj) -> bool:
    """Whether the node takes the pod at all."""
    tolerates = any(t.get("key") == "dedicated" for t in pod["spec"].get("tolerations") or [])
    tainted = any(t["key"] == "dedicated" for t in node["spec"].get("taints") or [])
    selected = (pod["spec"].get("nodeSelector") or {}).items() <= labels_of(node).items()
    return selected and (tolerates or not tainted) and not node["spec"].get("unschedulable")


def fits(pod: Obj, node: Obj, others: Objects) -> bool:
    room = node.get("status", {}).get("allocatable")
    if not room or not allows(pod, node):
        return False
    used = sum(cpu(p) for p in others)
    taken = {port for p in others for port in ports(p)}
    enough = used + cpu(pod) <= milli(room["cpu"]) and len(others) < int(room["pods"])
    return enough and not ports(pod) & taken


NOT_REMOVED = [Deed("add a node", 0, 1), Deed("add a pod", 1, 0), Deed("add a pod", 7, 0), Deed("time passes", 3, 0),
               Deed("writes go wrong", 1, 0), Deed("schedule", 0, 0)]  # fmt: skip


@examples(20)
@example(NOT_REMOVED)
@given(DEEDS)
def test_every_pod_that_fits_anywhere_gets_a_node(happened: list[Deed]) -> None:
    with Rack() as rack:
        for deed in happened:
            ACTS[deed.name](rack, deed.a, deed.b)
            assert not rack.wrong, rack.wrong
        rack.recover()
        check(rack)
        before = rack.cluster.store.current_rv()
        for _ in range(30):
            rack.clock.advance(1)
            rack.step()
        assert rack.cluster.store.current_rv() == before, "written at rest"
        assert not rack.wrong, rack.wrong


def check(rack: Rack) -> None:
    pods = rack.pods()
    for pod in pods:
        if pod["spec"].get("nodeName"):
            continue
        for node in rack.nodes():
            stay = [p for p in pods if p["spec"].get("nodeName") == name(node) and priority(p) >= priority(pod)]
            assert not fits(pod, node, stay), f"{name(pod)} waits, though {name(node)} has room or would be given it"
