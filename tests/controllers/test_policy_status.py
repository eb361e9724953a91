"""Type checking of admission policies, and its way into their status."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api import kinds
from minikctl.api.meta import Obj
from minikctl.api.policy import type_checking
from minikctl.controllers.validating_admission_policy_status import POLICIES, PolicyStatusController
from tests.controllers.conftest import MakePlane

RULE: Obj = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}


def policy(*expressions: str, rules: list[Obj] | None = None, **spec: Any) -> Obj:
    validations = [{"expression": e} for e in expressions]
    constraints = {"resourceRules": [RULE] if rules is None else rules}
    return {"metadata": {"name": "p"}, "spec": {"matchConstraints": constraints, "validations": validations, **spec}}


def find(group: str, version: str, resource: str) -> Any:
    return next((k for k in kinds.all_kinds() if (k.group, k.version, k.plural) == (group, version, resource)), None)


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.replicas <= 5",
        "object.metadata.name.startsWith('a') && object.metadata.labels['a'] == 'b'",
        "object.metadata.?labels['a'].orValue('') == ''",
        "object.spec.template.spec.containers.all(c, has(c.securityContext) && c.securityContext.runAsNonRoot)",
        "oldObject == null || object.spec.replicas >= oldObject.spec.replicas",
        "object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == '25%'",
        "object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')",
        "variables.small && params.x == 1",
    ],
)
def test_what_fits(expression: str) -> None:
    variables = [{"name": "small", "expression": "object.spec.replicas < 3"}]
    given = policy(expression, variables=variables, paramKind={"apiVersion": "v1", "kind": "ConfigMap"})
    assert type_checking.warnings(given, find) == []


def test_what_does_not_fit() -> None:
    rules = [{**RULE, "resources": ["statefulsets", "deployments", "deployments/scale"]}, {**RULE, "apiGroups": ["*"]}]
    given = policy("true", "object.spec.replica < 3", "object.spec.replicas < 'a'", rules=rules)
    found = type_checking.warnings(given, find)
    assert [w["fieldRef"] for w in found] == ["spec.validations[1].expression", "spec.validations[2].expression"]
    assert found[0]["warning"] == (
        "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'\n"
        " | object.spec.replica < 3\n | ...........^\n\n"
        "apps/v1, Kind=StatefulSet: ERROR: <input>:1:12: undefined field 'replica'\n"
        " | object.spec.replica < 3\n | ...........^\n"
    )
    assert "no matching overload" in found[1]["warning"]


def test_wildcards_say_nothing() -> None:
    assert type_checking.warnings(policy("object.nothing", rules=[{**RULE, "resources": ["*"]}]), find) == []


def test_the_status(plane_of: MakePlane) -> None:
    plane = plane_of(PolicyStatusController, kubelet=False)
    client = plane.cluster.client
    client.create(POLICIES, policy("object.spec.replicas < 3"))
    plane.settle()
    assert client.get(POLICIES, "p")["status"] == {"observedGeneration": 1, "typeChecking": {}}
    changed = {"spec": {"validations": [{"expression": "object.spec.replica < 3"}]}}
    client.patch(POLICIES, "p", changed)
    plane.settle()
    status = client.get(POLICIES, "p")["status"]
    assert status["observedGeneration"] == 2
    assert status["typeChecking"]["expressionWarnings"][0]["fieldRef"] == "spec.validations[0].expression"
    plane.assert_at_rest()
