"""ValidatingAdmissionPolicy: rules, parameters, variables, actions, messages, and what is no policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.apiserver.request import Context
from tests.apiserver.admission.policy_objects import RULE, add, create, deployment, refusal
from tests.support.cluster import TestCluster

SMALL = {"expression": "object.spec.replicas <= 5"}
FORBIDDEN = "ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: "


def test_a_rule(cluster: TestCluster) -> None:
    add(cluster, "validating", {"validations": [SMALL]}, {})
    create(cluster, 5)
    error = refusal(cluster, 6, "big")
    message = FORBIDDEN + "failed expression: object.spec.replicas <= 5"
    assert error.message == f'deployments.apps "big" is forbidden: {message}'
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.details["causes"] == [{"message": message}]
    with pytest.raises(ApiError, match="denied request"):
        cluster.client.patch("deployments.apps", "web", {"spec": {"replicas": 9}}, "default")


def test_without_a_binding_nothing_happens(cluster: TestCluster) -> None:
    add(cluster, "validating", {"validations": [SMALL]})
    create(cluster, 6)


@pytest.mark.parametrize(
    ("validation", "message", "code"),
    [
        ({"message": " too many "}, "too many", 422),
        ({"reason": "Forbidden"}, "failed expression: object.spec.replicas <= 5", 403),
        ({"reason": "RequestEntityTooLarge", "message": "m"}, "m", 413),
        ({"messageExpression": "'at most 5, not ' + string(object.spec.replicas)"}, "at most 5, not 6", 422),
        ({"messageExpression": "object.nothing", "message": "instead"}, "instead", 422),
        ({"messageExpression": r"'two\nlines'", "message": "one"}, "one", 422),
        ({"messageExpression": "'  '"}, "failed expression: object.spec.replicas <= 5", 422),
    ],
)
def test_messages_and_reasons(cluster: TestCluster, validation: Obj, message: str, code: int) -> None:
    add(cluster, "validating", {"validations": [{**SMALL, **validation}]}, {})
    error = refusal(cluster, 6)
    assert error.message.endswith(FORBIDDEN + message)
    assert error.code == code


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("oldObject == null", True),
        ("request.operation == 'CREATE' && request.resource.resource == 'deployments'", True),
        ("request.namespace == 'default' && request.name == 'web' && request.subResource == ''", True),
        ("namespaceObject.metadata.name == 'default'", True),
        ("'team' in namespaceObject.metadata.?labels.orValue({})", False),
        ("object.spec.template.spec.containers.all(c, c.image.startsWith('nginx'))", True),
        ("object.metadata.?labels.?owner.hasValue()", False),
        ("authorizer.group('apps').resource('deployments').namespace('default').check('delete').allowed()", True),
        ("authorizer.serviceAccount('default', 'default').group('').resource('pods').check('get').allowed()", False),
        ("request.userInfo.groups.exists(g, g == 'system:masters')", True),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", True),
        ("object.spec.nothing == 1", False),
    ],
)
def test_what_rules_can_see(cluster: TestCluster, expression: str, holds: bool) -> None:
    add(cluster, "validating", {"validations": [{"expression": expression}]}, {})
    if holds:
        create(cluster)
    else:
        refusal(cluster)


@pytest.mark.parametrize(("policy", "passes"), [("Fail", False), ("Ignore", True)])
def test_rules_that_cannot_be_evaluated(cluster: TestCluster, policy: str, passes: bool) -> None:
    rule = {"expression": "object.spec.nothing == 1"}
    add(cluster, "validating", {"validations": [rule], "failurePolicy": policy}, {})
    if passes:
        create(cluster)
    else:
        text = FORBIDDEN + "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"
        assert refusal(cluster).message.endswith(text)


def test_variables_are_worked_out_once_and_in_order(cluster: TestCluster) -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "doubled", "expression": "variables.replicas * 2"},
        {"name": "broken", "expression": "object.nothing.at.all"},
    ]
    rules = [
        {"expression": "variables.doubled <= 10", "messageExpression": "'twice: ' + string(variables.doubled)"},
        {"expression": "variables.replicas < 3 || variables.broken"},
    ]
    add(cluster, "validating", {"variables": variables, "validations": rules}, {})
    create(cluster, 2)
    assert refusal(cluster, 6, "a").message.endswith("denied request: twice: 12")
    assert refusal(cluster, 4, "b").message.endswith(
        'resulted in error: composited variable "broken" fails to evaluate: no such key: nothing'
    )


# ---------------------------------------------------------------------- parameters


def with_params(cluster: TestCluster, ref: Obj, **policy: Any) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    rule = {"expression": "object.spec.replicas <= int(params.data.max)"}
    ref = {"parameterNotFoundAction": "Deny", **ref}
    add(cluster, "validating", {"paramKind": kind, "validations": [rule], **policy}, {"paramRef": ref})


def limit(cluster: TestCluster, name: str, most: str, namespace: str = "default", **labels: str) -> None:
    cluster.client.create(
        "configmaps", {"metadata": {"name": name, "labels": labels}, "data": {"max": most}}, namespace
    )


def test_parameters_by_name(cluster: TestCluster) -> None:
    with_params(cluster, {"name": "limit"})
    missing = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    assert refusal(cluster).message.endswith(FORBIDDEN + missing)
    limit(cluster, "limit", "3")
    create(cluster, 3)
    refusal(cluster, 4)


def test_parameters_of_another_namespace_and_by_label(cluster: TestCluster) -> None:
    with_params(cluster, {"selector": {"matchLabels": {"limits": "yes"}}, "namespace": "kube-system"})
    limit(cluster, "a", "5", "kube-system", limits="yes")
    limit(cluster, "b", "3", "kube-system", limits="yes")
    limit(cluster, "c", "1", "kube-system")
    create(cluster, 3)
    refusal(cluster, 4)


def test_missing_parameters_may_be_fine(cluster: TestCluster) -> None:
    with_params(cluster, {"name": "limit", "parameterNotFoundAction": "Allow"})
    create(cluster, 100)


def test_a_kind_of_parameters_that_nobody_serves(cluster: TestCluster) -> None:
    with_params(cluster, {"name": "x"}, paramKind={"apiVersion": "example.com/v1", "kind": "Limit"})
    assert refusal(cluster).message.endswith(
        "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced "
        "by paramKind: 'example.com/v1, Kind=Limit'"
    )


# ---------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("policy", "binding", "is_asked"),
    [
        ({"matchConstraints": {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}}, {}, False),
        ({"matchConstraints": {"resourceRules": [{**RULE, "resourceNames": ["other"]}]}}, {}, False),
        ({"matchConstraints": {"resourceRules": [RULE], "excludeResourceRules": [RULE]}}, {}, False),
        ({"matchConstraints": {"resourceRules": [RULE], "objectSelector": {"matchLabels": {"x": "y"}}}}, {}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.spec.replicas > 8"}]}, {}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.spec.replicas > 2"}]}, {}, True),
        ({}, {"matchResources": {"namespaceSelector": {"matchLabels": {"team": "a"}}}}, False),
        ({}, {"matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}}, True),
        ({}, {"matchResources": {"resourceRules": [{**RULE, "operations": ["UPDATE"]}]}}, False),
    ],
)  # fmt: skip
def test_which_requests_a_policy_is_about(cluster: TestCluster, policy: Obj, binding: Obj, is_asked: bool) -> None:
    add(cluster, "validating", {"validations": [SMALL], **policy}, binding)
    if is_asked:
        refusal(cluster, 6)
    else:
        create(cluster, 6)


def test_policies_do_not_concern_policies(cluster: TestCluster) -> None:
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}
    constraints = {"resourceRules": [everything]}
    add(cluster, "validating", {"validations": [{"expression": "false"}], "matchConstraints": constraints}, {})
    refusal(cluster)
    cluster.client.delete("validatingadmissionpolicybindings", "p-b")
    create(cluster)


# ---------------------------------------------------------------------- actions


def test_warnings_and_audits_let_a_request_through(cluster: TestCluster) -> None:
    add(cluster, "validating", {"validations": [SMALL]}, {"validationActions": ["Warn", "Audit"]})
    ctx = Context()
    cluster.api.create(cluster.api.kind("deployments.apps"), "default", deployment(6), ctx)
    text = "failed expression: object.spec.replicas <= 5"
    assert ctx.warnings == [f"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': {text}"]
    note = json.loads(ctx.annotations["validation.policy.admission.k8s.io/validation_failure"])
    assert note == [
        {
            "message": text,
            "policy": "p",
            "binding": "p-b",
            "expressionIndex": 0,
            "validationActions": ["Warn", "Audit"],
        }
    ]


def test_audit_annotations(cluster: TestCluster) -> None:
    notes = [
        {"key": "size", "valueExpression": "'replicas: ' + string(object.spec.replicas)"},
        {"key": "none", "valueExpression": "null"},
    ]
    add(cluster, "validating", {"auditAnnotations": notes}, {})
    ctx = Context()
    cluster.api.create(cluster.api.kind("deployments.apps"), "default", deployment(6), ctx)
    assert ctx.annotations == {"p/size": "replicas: 6"}


# ---------------------------------------------------------------------- what is no policy


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (
            {"validations": [{"expression": "object.spec.replicas <"}]},
            'spec.validations[0].expression: Invalid value: "object.spec.replicas <": compilation failed: ERROR: '
            "<input>:1:23: Syntax error",
        ),
        ({"validations": [{"expression": "1"}]}, "must evaluate to bool but got int"),
        (
            {"validations": [{"expression": "true", "messageExpression": "1"}]},
            "spec.validations[0].messageExpression: Invalid value: \"1\": must evaluate to string but got int",
        ),
        (
            {"validations": [{"expression": "true", "messageExpression": "string(authorizer.path('/').check('get').allowed())"}]},
            "undeclared reference to 'authorizer'",
        ),
        ({"validations": [{"expression": "params.x == 1"}]}, "undeclared reference to 'params"),
        (
            {"validations": [{"expression": "variables.x == 1"}]},
            "compilation failed: ERROR: <input>:1:10: undefined field 'x'\n | variables.x == 1\n | .........^",
        ),
        (
            {
                "variables": [{"name": "a", "expression": "variables.b"}, {"name": "b", "expression": "1"}],
                "validations": [{"expression": "true"}],
            },
            "spec.variables[0].expression: Invalid value: \"variables.b\": compilation failed: ERROR: <input>:1:10: "
            "undefined field 'b'",
        ),
        (
            {"validations": [{"expression": "true"}], "matchConditions": [{"name": "c", "expression": "variables.x"}]},
            "spec.matchConditions[0].expression: Invalid value: \"variables.x\": compilation failed: ERROR: "
            "<input>:1:10: undeclared reference to 'variables",
        ),
    ],
)  # fmt: skip
def test_expressions_are_checked_when_a_policy_is_stored(cluster: TestCluster, policy: Obj, text: str) -> None:
    with pytest.raises(ApiError) as refused:
        add(cluster, "validating", policy)
    assert refused.value.reason == "Invalid"
    assert text in refused.value.message, refused.value.message


def test_on_the_command_line(cluster: TestCluster) -> None:
    add(cluster, "validating", {"validations": [{**SMALL, "message": "five is enough"}]}, {})
    create(cluster, 2)
    done = cluster.cli("scale", "deployment", "web", "--replicas=7")
    assert done.code == 0  # a scale is no deployment
    done = cluster.cli("patch", "deployment", "web", "-p", '{"spec":{"replicas":8}}')
    assert done.err == (
        "The deployments \"web\" is invalid: : ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: "
        "five is enough\n"
    )
