"""Thresholds of probes."""

from __future__ import annotations

import pytest

from minikctl.kubelet.pod_worker import LIVENESS, STARTUP
from minikctl.kubelet.probes import READINESS, counted, fresh, probes_of
from tests.kubelet.build import container, pod


@pytest.mark.parametrize(
    ("kind", "spec", "results", "verdicts"),
    [
        (READINESS, {}, "+", [True]),
        (READINESS, {"successThreshold": 2}, "++", [False, True]),
        (READINESS, {"failureThreshold": 2}, "+--", [True, True, False]),
        (READINESS, {"failureThreshold": 2}, "+-+-", [True, True, True, True]),
        (LIVENESS, {}, "---", [True, True, False]),
        (LIVENESS, {}, "--+", [True, True, True]),
        (STARTUP, {}, "-+", [None, True]),
        (STARTUP, {"failureThreshold": 1}, "-", [False]),
    ],
)
def test_verdicts(kind, spec, results, verdicts):
    tally, seen = fresh(kind, "c1"), []
    for sign in results:
        tally = counted(tally, kind, spec, sign == "+")
        seen.append(tally.verdict)
    assert seen == verdicts
    assert tally.on_hold is (kind != READINESS and verdicts[-1] is False)


def test_which_containers_are_probed():
    probe = {"tcpSocket": {"port": 80}}
    side = container("side", restartPolicy="Always", startupProbe=probe)
    spec = pod(container("a", livenessProbe=probe, readinessProbe=probe), inits=(side,))
    assert [(c["name"], kind) for c, kind, _ in probes_of(spec)] == [
        ("side", "startup"),
        ("a", "liveness"),
        ("a", "readiness"),
    ]
