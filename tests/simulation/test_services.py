"""Endpoints, EndpointSlices and PodDisruptionBudgets: in the end they say what is true of the pods."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.intstr import scaled
from minikctl.api.meta import Obj, condition, labels_of, name
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.disruption import DisruptionController
from minikctl.controllers.endpoint_slice import EndpointSliceController
from minikctl.controllers.endpoint_slice_mirroring import EndpointSliceMirroringController
from minikctl.controllers.endpoints import EndpointsController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.replica_set import ReplicaSetController
from tests.simulation.strategies import deeds, examples
from tests.simulation.test_deployment import DEPLOY, STRATEGIES, deployment
from tests.simulation.world import NAMESPACE, Act, World

BUDGETS = "poddisruptionbudgets.policy"
BOUNDS: list[Obj] = [
    {"minAvailable": 2, "maxUnavailable": None},
    {"minAvailable": "60%", "maxUnavailable": None},
    {"maxUnavailable": 1, "minAvailable": None},
    {"maxUnavailable": "40%", "minAvailable": None},
]


def _delete_slice(world: World, a: int, _b: int) -> None:
    if (each := world.some(world.list("endpointslices"), a)) is not None:
        world.client.delete("endpointslices", name(each), NAMESPACE)


def _spoil_slice(world: World, a: int, _b: int) -> None:
    if (each := world.some(world.list("endpointslices"), a)) is not None:
        world.patch("endpointslices", {"endpoints": [{"addresses": ["10.9.9.9"]}]}, name(each))


def _spoil_endpoints(world: World, a: int, _b: int) -> None:
    if a % 2:
        world.client.delete("endpoints", "x", NAMESPACE)
    else:
        world.patch("endpoints", {"subsets": None})


COMMON: dict[str, Act] = {"scale": lambda w, a, _b: w.patch(DEPLOY, {"spec": {"replicas": a % 5}})}
SERVICE: dict[str, Act] = COMMON | {
    "change the ports": lambda w, a, _b: w.patch("services", {"spec": {"ports": [{"port": 80 + a % 3}]}}),
    "change the selector": lambda w, a, _b: w.patch("services", {"spec": {"selector": {"app": ("x", "elsewhere")[a % 2]}}}),
    "label the service": lambda w, a, _b: w.patch("services", {"metadata": {"labels": {"team": f"t{a % 3}"}}}),
    "publish addresses that are not ready": lambda w, a, _b: w.patch("services", {"spec": {"publishNotReadyAddresses": bool(a % 2)}}),
    "delete a slice": _delete_slice,
    "spoil a slice": _spoil_slice,
    "spoil the endpoints": _spoil_endpoints,
}  # fmt: skip
BUDGET: dict[str, Act] = COMMON | {
    "change the bound": lambda w, a, _b: w.patch(BUDGETS, {"spec": BOUNDS[a % 4]}),
    "spoil the budget": lambda w, a, _b: w.client.update(
        BUDGETS, {**(found := w.get(BUDGETS)), "status": {**found["status"], "disruptionsAllowed": a % 5}}, subresource="status"
    ),
}  # fmt: skip


@examples(12)
@given(st.integers(0, 4), deeds(SERVICE))
def test_a_services_endpoints_are_its_pods(size: int, happened: list[Any]) -> None:
    with World(
        EndpointsController,
        EndpointSliceController,
        EndpointSliceMirroringController,
        ReplicaSetController,
        DeploymentController,
        GarbageCollector,
        PodGarbageCollector,
    ) as world:
        world.client.create(DEPLOY, deployment(size, STRATEGIES[1]), NAMESPACE)
        service = {"metadata": {"name": "x"}, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}
        world.client.create("services", service, NAMESPACE)
        world.suffer(happened, SERVICE)
        world.recover()
        check_endpoints(world, world.get("services"))
        world.assert_at_rest()


def check_endpoints(world: World, service: Obj) -> None:
    selector, port = service["spec"]["selector"], service["spec"]["ports"][0]["port"]
    behind = [p for p in pod_state.active(world.list("pods")) if selector.items() <= labels_of(p).items()]
    wanted = sorted(p["status"]["podIP"] for p in behind if pod_state.is_ready(p))
    slices = world.list("endpointslices")
    listed = [e for s in slices for e in s.get("endpoints") or []]
    assert sorted(a for e in listed for a in e["addresses"]) == wanted
    assert all(e["conditions"]["ready"] for e in listed) and len(slices) == 1
    assert [p["port"] for s in slices for p in s.get("ports") or []] == ([port] if wanted else [])
    assert all(s["metadata"]["labels"]["kubernetes.io/service-name"] == "x" for s in slices)
    subsets = world.get("endpoints").get("subsets") or []
    assert sorted(a["ip"] for s in subsets for a in s.get("addresses") or []) == wanted


@examples(12)
@given(st.sampled_from(BOUNDS), st.integers(0, 5), deeds(BUDGET))
def test_a_budget_allows_what_is_left_over(bound: Obj, size: int, happened: list[Any]) -> None:
    classes = (DisruptionController, DeploymentController, ReplicaSetController, GarbageCollector, PodGarbageCollector)
    with World(*classes) as world:
        world.client.create(DEPLOY, deployment(size, STRATEGIES[1]), NAMESPACE)
        spec = {"selector": {"matchLabels": {"app": "x"}}} | {k: v for k, v in bound.items() if v is not None}
        world.client.create(BUDGETS, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, BUDGET)
        world.recover()
        check_budget(world, world.get(BUDGETS), world.get(DEPLOY))
        world.assert_at_rest()


def check_budget(world: World, budget: Obj, owner: Obj) -> None:
    status, spec = budget["status"], budget["spec"]
    covered = [p for p in world.list("pods") if labels_of(p).get("app") == "x"]
    healthy = sum(pod_state.is_ready(p) for p in covered)
    expected = owner["spec"]["replicas"] if covered else 0
    if isinstance(spec.get("minAvailable"), int):
        expected, desired = len(covered), spec["minAvailable"]
    elif "minAvailable" in spec:
        desired = scaled(spec["minAvailable"], expected, round_up=True)
    else:
        desired = max(expected - scaled(spec["maxUnavailable"], expected, round_up=True), 0)
    assert "disruptedPods" not in status
    found = [status[f] for f in ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")]
    allowed = max(healthy - desired, 0) if expected else 0
    assert found == [expected, healthy, desired, allowed]
    assert (condition(budget, "DisruptionAllowed") or {})["status"] == ("True" if allowed else "False")
    assert status["observedGeneration"] == budget["metadata"]["generation"]
