"""When a node is under pressure and who goes first, as tables."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet.eviction import decisions
from minikctl.kubelet.eviction.decisions import NO_PRESSURE, Reading, Threshold, Use, observe
from minikctl.kubelet.settings import parse

MIB = 1 << 20


def pod(name: str, *, priority: int = 0, memory: str = "", limits: Obj | None = None, **spec: object) -> Obj:
    resources = {"requests": {"memory": memory}} if memory else {}
    if limits:
        resources["limits"] = limits  # type: ignore[assignment]
    containers = [{"name": "app", "resources": resources}]
    meta = {"name": name, "uid": name, "namespace": "default"}
    return {"metadata": meta, "spec": {"priority": priority, "containers": containers, **spec}}


def test_thresholds() -> None:
    given = {
        "evictionHard": {"memory.available": "10%", "nodefs.available": "1Gi", "nonsense": "1"},
        "evictionSoft": {"memory.available": "500Mi", "pid.available": "100"},
        "evictionSoftGracePeriod": {"memory.available": "1m30s"},
        "evictionMinimumReclaim": {"nodefs.available": "500Mi"},
    }
    assert decisions.thresholds(parse(given)) == [
        Threshold("memory.available", part=0.1),
        Threshold("nodefs.available", amount=1024 * MIB, reclaim="500Mi"),
        Threshold("memory.available", amount=500 * MIB, grace=90),
    ]


def test_a_hard_threshold() -> None:
    wanted = [Threshold("memory.available", part=0.1)]
    fine = observe(NO_PRESSURE, wanted, {"memory.available": Reading(200, 1000)}, 1.0)
    assert fine.due(1.0) == [] and fine.conditions(1.0, 300) == frozenset()
    short = observe(fine, wanted, {"memory.available": Reading(99, 1000)}, 2.0)
    assert short.due(2.0) == wanted and short.conditions(2.0, 300) == {"MemoryPressure"}
    over = observe(short, wanted, {"memory.available": Reading(200, 1000)}, 3.0)
    assert over.due(3.0) == []
    assert over.conditions(3.0, 300) == {"MemoryPressure"} and over.conditions(302.0, 300) == frozenset()


def test_a_soft_threshold_waits() -> None:
    wanted = [Threshold("nodefs.available", amount=100, grace=30)]
    low = {"nodefs.available": Reading(50, 1000)}
    first = observe(NO_PRESSURE, wanted, low, 10.0)
    assert first.due(10.0) == [] and first.conditions(10.0, 0) == {"DiskPressure"}
    later = observe(first, wanted, low, 40.0)
    assert later.due(40.0) == wanted
    again = observe(observe(later, wanted, {"nodefs.available": Reading(500, 1000)}, 41.0), wanted, low, 42.0)
    assert again.due(42.0) == []


def test_enough_has_to_be_reclaimed() -> None:
    wanted = [Threshold("nodefs.available", amount=100, reclaim="50")]
    short = observe(NO_PRESSURE, wanted, {"nodefs.available": Reading(90, 1000)}, 1.0)
    assert observe(short, wanted, {"nodefs.available": Reading(140, 1000)}, 2.0).due(2.0) == wanted
    assert observe(short, wanted, {"nodefs.available": Reading(150, 1000)}, 2.0).due(2.0) == []


def test_memory_comes_first() -> None:
    wanted = [Threshold("nodefs.available", amount=100), Threshold("memory.available", amount=100)]
    both = {t.signal: Reading(1, 1000) for t in wanted}
    assert [t.signal for t in observe(NO_PRESSURE, wanted, both, 1.0).due(1.0)] == [
        "memory.available",
        "nodefs.available",
    ]


def test_the_order_of_pods() -> None:
    pods = [
        pod("guaranteed", memory="100Mi", limits={"memory": "100Mi"}),
        pod("modest", memory="100Mi"),
        pod("greedy", memory="10Mi"),
        pod("greedier", memory="10Mi"),
        pod("important", memory="10Mi", priority=1000),
        pod("critical", priority=decisions.CRITICAL),
        pod("best-effort"),
    ]
    static = pod("static")
    static["metadata"]["annotations"] = {"kubernetes.io/config.source": "file"}
    memory = {"guaranteed": 90, "modest": 50, "greedy": 100, "greedier": 200, "important": 900, "best-effort": 20}
    use = {name: Use(memory=amount * MIB) for name, amount in memory.items()}
    order = [p["metadata"]["name"] for p in decisions.ranked([*pods, static], use, decisions.MEMORY)]
    assert order == ["greedier", "greedy", "best-effort", "important", "guaranteed", "modest"]


def test_processes_by_number() -> None:
    use = {"few": Use(processes=3), "many": Use(processes=300)}
    order = decisions.ranked([pod("few"), pod("many")], use, decisions.PIDS)
    assert [p["metadata"]["name"] for p in order] == ["many", "few"]


def test_the_message() -> None:
    use = Use(memory=200 * MIB, memory_of={"app": 200 * MIB})
    text = decisions.message(
        pod("a", memory="100Mi"), Threshold("memory.available", amount=100 * MIB), Reading(50 * MIB, 1 << 34), use
    )
    assert text == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container app was using 200Mi, request is 100Mi, has larger consumption of memory. "
    )


def test_limits_of_disk() -> None:
    volumes = [
        {"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}},
        {"name": "fast", "emptyDir": {"medium": "Memory"}},
        {"name": "other", "configMap": {}},
    ]
    one = pod("a", limits={"ephemeral-storage": "2Mi"}, volumes=volumes)
    assert decisions.limits_disk(one) and not decisions.limits_disk(pod("b"))
    assert decisions.over_its_limits(one, {"app": MIB}, {"cache": MIB, "fast": 9 * MIB}) == ""
    volume = 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '
    assert decisions.over_its_limits(one, {}, {"cache": MIB + 1}) == volume
    whole = "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "
    assert decisions.over_its_limits(one, {"app": 3 * MIB}, {}) == whole
    two = {**one, "spec": {**one["spec"], "containers": [*one["spec"]["containers"], *one["spec"]["containers"]]}}
    assert decisions.over_its_limits(two, {"app": 3 * MIB}, {}) == (
        'Container app exceeded its local ephemeral storage limit "2Mi". '
    )


@pytest.mark.parametrize(
    ("conditions", "of", "refused"),
    [
        (set(), pod("a"), False),
        ({"MemoryPressure"}, pod("a"), True),
        ({"MemoryPressure"}, pod("a", memory="1Mi"), False),
        ({"MemoryPressure"}, pod("a", tolerations=[{"operator": "Exists"}]), False),
        ({"DiskPressure"}, pod("a", memory="1Mi"), True),
        ({"DiskPressure", "MemoryPressure"}, pod("a", memory="1Mi"), True),
        ({"PIDPressure"}, pod("a", priority=decisions.CRITICAL), False),
    ],
)
def test_who_is_let_in(conditions: set[str], of: Obj, refused: bool) -> None:
    assert bool(decisions.refusal(of, frozenset(conditions))) == refused


def test_how_a_refusal_reads() -> None:
    text = decisions.refusal(pod("a"), frozenset({"MemoryPressure", "DiskPressure"}))
    assert text == "The node had condition: [DiskPressure MemoryPressure]. "
