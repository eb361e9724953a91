"""What holds of autoscaling whatever the metrics say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.api.meta import Obj
from minikctl.controllers.horizontal_pod_autoscaler import behavior, replicas
from minikctl.controllers.horizontal_pod_autoscaler.behavior import Memory
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Sample, Tolerances
from tests.controllers.objects import NOW, ago

POLICY = st.fixed_dictionaries(
    {"type": st.sampled_from(["Pods", "Percent"]), "value": st.integers(1, 200), "periodSeconds": st.integers(1, 120)}
)
RULES = st.fixed_dictionaries(
    {
        "policies": st.lists(POLICY, min_size=1, max_size=3),
        "stabilizationWindowSeconds": st.integers(0, 120),
        "selectPolicy": st.sampled_from(["Max", "Min", "Disabled"]),
    }
)
BEHAVIOR = st.one_of(st.none(), st.fixed_dictionaries({"scaleUp": RULES, "scaleDown": RULES}))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(0, 30),
    BEHAVIOR,
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), min_size=1, max_size=30),
)
def test_the_size_stays_within_its_bounds_and_rests_when_the_wish_does(
    least: int, more: int, rules: Obj | None, wishes: list[tuple[int, int]]
) -> None:
    hpa = {"spec": {"minReplicas": least, "maxReplicas": least + more, "behavior": rules}}
    memory, now, current = Memory(), 1000.0, least

    def turn(wish: int) -> int:
        after = behavior.normalize(hpa, memory, current, wish, now).replicas
        if after != current:
            memory.note(now, after - current, behavior.longest_period(hpa))
        return after

    for seconds, wish in wishes:
        now += seconds
        current = turn(wish)
        assert least <= current <= least + more
    wish = wishes[-1][1]
    stuck = rules is not None and "Disabled" in (rules["scaleUp"]["selectPolicy"], rules["scaleDown"]["selectPolicy"])
    for _ in range(200):
        now += 400
        current = turn(wish)
    settled = current
    now += 400
    current = turn(wish)
    assert current == settled
    slow = rules is not None and any(p["type"] == "Percent" for d in rules.values() for p in d["policies"])
    if not stuck and not slow:  # a small share of a few pods may be less than one pod
        assert settled == min(max(wish, least), least + more)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.integers(1, 150), st.integers(0, 8))
def test_replicas_follow_the_use(values: list[int], target: int, silent: int) -> None:
    count = len(values) + silent
    pods = [
        {
            "metadata": {"name": f"p{i}"},
            "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]},
            "status": {"phase": "Running", "startTime": ago(1000), "conditions": [{"type": "Ready", "status": "True"}]},
        }
        for i in range(count)
    ]
    samples = {f"p{i}": Sample(v * 10, NOW, 15) for i, v in enumerate(values)}
    found = replicas.by_utilization(pods, samples, "cpu", "", target, count, Tolerances(), NOW)
    average = sum(values) / len(values)
    assert found.utilization == sum(values) // len(values)
    if average > target * 1.2 + 1:
        assert found.replicas >= count
    if average < target * 0.8 - 1:
        assert found.replicas <= count
    if not silent and (average > target * 1.2 + 1 or average < target * 0.8 - 1):
        assert (found.replicas - 1) * target <= sum(values) <= (found.replicas + 1) * target + count
