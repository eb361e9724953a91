"""DaemonSets: one pod on each node that it is for, of the newest template, and none elsewhere."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, is_deleting, labels_of, name
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.daemon_set import DaemonSetController, placement
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.pod_gc import PodGarbageCollector
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, World

DS = "daemonsets.apps"
STRATEGIES = [
    {"type": "OnDelete", "rollingUpdate": None},
    *({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": s, "maxUnavailable": u}}
      for s, u in ((0, 1), (0, 2), (0, "50%"), (1, 0), ("100%", 0))),
]  # fmt: skip


def _node(world: World, a: int) -> str:
    return world.kubelet.nodes[a % len(world.kubelet.nodes)]


def _taint(world: World, a: int, b: int) -> None:
    taints = [None, [{"key": "k", "effect": "NoSchedule"}], [{"key": "k", "effect": "NoExecute"}]][b % 3]
    world.client.patch("nodes", _node(world, a), {"spec": {"taints": taints}})


def _label(world: World, a: int, b: int) -> None:
    world.client.patch("nodes", _node(world, a), {"metadata": {"labels": {"disk": ("ssd", "hdd")[b % 2]}}})


def _image(world: World, a: int, _b: int) -> None:
    containers = [{"name": "main", "image": f"app:{a % 4}"}]
    world.patch(DS, {"spec": {"template": {"spec": {"containers": containers}}}})


OWN: dict[str, Act] = {
    "taint a node": _taint,
    "label a node": _label,
    "cordon a node": lambda w, a, b: w.client.patch("nodes", _node(w, a), {"spec": {"unschedulable": bool(b % 2)}}),
    "set image": _image,
    "set image again": _image,
    "select nodes": lambda w, a, _b: w.patch(
        DS, {"spec": {"template": {"spec": {"nodeSelector": [None, {"disk": "ssd"}][a % 2]}}}}
    ),
    "change the strategy": lambda w, a, _b: w.patch(DS, {"spec": {"updateStrategy": STRATEGIES[a % 6]}}),
    "change minReadySeconds": lambda w, a, _b: w.patch(DS, {"spec": {"minReadySeconds": a % 3 * 10}}),
}


def makes_one_for_each_node(world: World, controller: str, verb: str, args: tuple[Any, ...], _more: Any) -> None:
    """While nothing was lost on the way: where a pod lives none is added, but one of the new template in a surge."""
    if controller != "daemonset-controller" or verb != "create" or args[0] != "pods" or not world.lossless:
        return
    owner, made = world.get(DS), args[1]
    node = placement.target(made)
    there = [p for p in pod_state.active(world.owned(owner)) if placement.target(p) == node]
    rolling = owner["spec"]["updateStrategy"].get("rollingUpdate") or {}
    if not rolling.get("maxSurge"):
        assert not there, f"{node} has {[name(p) for p in there]}"
    twins = [
        p for p in there if labels_of(p)["controller-revision-hash"] == labels_of(made)["controller-revision-hash"]
    ]
    assert not twins, f"{node} has {[name(p) for p in twins]}"


@examples(16)
@given(st.integers(1, 4), st.sampled_from(STRATEGIES), deeds(OWN, without=["make a stray pod"]))
def test_one_pod_on_each_node(nodes: int, strategy: Obj, happened: list[Any]) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template, "updateStrategy": strategy}
    classes = (DaemonSetController, GarbageCollector, PodGarbageCollector)
    with World(*classes, nodes=nodes, checks=[makes_one_for_each_node]) as world:
        world.client.create(DS, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, OWN)
        world.recover(4000)
        check(world, world.get(DS))
        world.assert_at_rest()


def check(world: World, owner: Obj) -> None:
    must, may = set(), set()
    for node in world.client.list("nodes")["items"]:
        effects = {t["effect"] for t in node["spec"].get("taints") or [] if t["key"] == "k"}
        selected = not owner["spec"]["template"]["spec"].get("nodeSelector") or labels_of(node).get("disk") == "ssd"
        if selected and not effects:
            must.add(name(node))
        if selected and "NoExecute" not in effects:
            may.add(name(node))
    pods = world.owned(owner)
    places = [p["spec"].get("nodeName", "") for p in pods]
    assert must <= set(places) <= may and len(places) == len(set(places))
    assert all(pod_state.is_ready(p) and not is_deleting(p) for p in pods)
    image, status = owner["spec"]["template"]["spec"]["containers"][0]["image"], owner["status"]
    if owner["spec"]["updateStrategy"]["type"] == "RollingUpdate":
        assert {p["spec"]["containers"][0]["image"] for p in pods if p["spec"]["nodeName"] in must} <= {image}
        assert status.get("updatedNumberScheduled", 0) == len(must)
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable")
    assert [status.get(f, 0) for f in counts] == [len(must)] * 4 and not status.get("numberUnavailable")
    assert status["numberMisscheduled"] == len(set(places) - must)
    assert status["observedGeneration"] == owner["metadata"]["generation"]
