"""ReplicaSets and ReplicationControllers: whatever happens, in the end there are as many pods as asked for."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.meta import Obj, controller_of, labels_of, name, uid
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.pod_gc import PodGarbageCollector
from minikctl.controllers.replica_set import ReplicaSetController
from minikctl.controllers.replication_controller import ReplicationControllerController
from tests.simulation.strategies import deeds, examples
from tests.simulation.world import NAMESPACE, Act, World

KINDS = {
    "replicasets.apps": (ReplicaSetController, {"matchLabels": {"app": "x"}}),
    "replicationcontrollers": (ReplicationControllerController, {"app": "x"}),
}


def own(kind: str) -> dict[str, Act]:
    return {
        "scale": lambda w, a, _b: w.patch(kind, {"spec": {"replicas": a % 6}}),
        "change the template": lambda w, a, _b: w.patch(
            kind, {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": f"app:{a % 3}"}]}}}}
        ),
        "change minReadySeconds": lambda w, a, _b: w.patch(kind, {"spec": {"minReadySeconds": a % 3 * 10}}),
    }


def makes_no_more_than_asked(world: World, _controller: str, verb: str, args: tuple[Any, ...], _more: Any) -> None:
    """While nothing was lost on the way, no pod is created beyond the size, and none deleted that is needed."""
    if not world.lossless or verb not in ("create", "delete") or args[0] != "pods":
        return
    if verb == "create":
        ref = controller_of(args[1])
        assert ref is not None
        owner = world.client.get("rs" if ref["kind"] == "ReplicaSet" else "rc", ref["name"], NAMESPACE)
        active = pod_state.active(world.owned(owner))
        assert len(active) < owner["spec"]["replicas"], f"{len(active)} pods, and one more is made"


@examples(10)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 5), st.data())
def test_as_many_pods_as_asked_for(kind: str, size: int, data: st.DataObject) -> None:
    controller, selector = KINDS[kind]
    happened = data.draw(deeds(own(kind)))
    with World(controller, GarbageCollector, PodGarbageCollector, checks=[makes_no_more_than_asked]) as world:
        template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
        spec = {"replicas": size, "selector": selector, "template": template}
        world.client.create(kind, {"metadata": {"name": "x"}, "spec": spec}, NAMESPACE)
        world.suffer(happened, own(kind))
        world.recover()
        check(world, world.get(kind))
        world.assert_at_rest()


def check(world: World, owner: Obj) -> None:
    wanted, status = owner["spec"]["replicas"], owner["status"]
    active = pod_state.active(world.list("pods"))
    mine = [p for p in active if (controller_of(p) or {}).get("uid") == uid(owner)]
    assert len(mine) == wanted and all(pod_state.is_ready(p) and labels_of(p)["app"] == "x" for p in mine)
    orphans = [name(p) for p in active if controller_of(p) is None and labels_of(p).get("app") == "x"]
    assert not orphans
    counts = [status.get(f, 0) for f in ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")]
    assert counts == [wanted] * 4 and not status.get("terminatingReplicas")
    assert status["observedGeneration"] == owner["metadata"]["generation"] and not status.get("conditions")
