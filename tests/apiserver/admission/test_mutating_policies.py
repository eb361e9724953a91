"""MutatingAdmissionPolicy: patches and applied configurations, in turns."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.apiserver.admission.policy_objects import RULE, add, create, refusal
from tests.support.cluster import TestCluster


def apply(expression: str) -> Obj:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def json_patch(expression: str) -> Obj:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def mutate(cluster: TestCluster, *mutations: Obj, name: str = "p", **policy: Any) -> None:
    add(cluster, "mutating", {"mutations": list(mutations), **policy}, {}, name)


def test_an_applied_configuration(cluster: TestCluster) -> None:
    side = 'Object.spec.template.spec.containers{name: "side", image: "busybox"}'
    path = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [%s]}}}}"
    )
    mutate(cluster, apply(path % side))
    containers = create(cluster)["spec"]["template"]["spec"]["containers"]
    assert sorted(c["name"] for c in containers) == ["main", "side"]
    assert all(c["imagePullPolicy"] == "Always" for c in containers)


def test_json_patches(cluster: TestCluster) -> None:
    labels = 'JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/team"), value: "a"}'
    mutate(cluster, json_patch(f"[{labels}]"))
    assert create(cluster, x="y")["metadata"]["labels"] == {"x": "y", "example.com/team": "a"}


def test_a_failed_test_leaves_the_object_alone(cluster: TestCluster) -> None:
    operations = (
        '[JSONPatch{op: "test", path: "/spec/replicas", value: 7}, '
        'JSONPatch{op: "replace", path: "/spec/replicas", value: 9}]'
    )
    mutate(cluster, json_patch(operations))
    assert create(cluster, 3)["spec"]["replicas"] == 3
    assert create(cluster, 7, "seven")["spec"]["replicas"] == 9


def test_mutations_follow_each_other_with_variables_and_params(cluster: TestCluster) -> None:
    cluster.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"by": "10"}}, "default")
    spec: Obj = {
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "variables": [{"name": "replicas", "expression": "object.spec.replicas"}],
        "mutations": [
            apply("Object{spec: Object.spec{replicas: variables.replicas + int(params.data.by)}}"),
            apply("Object{spec: Object.spec{replicas: variables.replicas * 2}}"),
        ],
    }
    add(cluster, "mutating", spec, {"paramRef": {"name": "c", "parameterNotFoundAction": "Deny"}})
    assert create(cluster, 1)["spec"]["replicas"] == 22


@pytest.mark.parametrize(("policy", "expected"), [("Never", 2), ("IfNeeded", 4)])
def test_reinvocation(cluster: TestCluster, policy: str, expected: int) -> None:
    """The first doubles; the second changes something else, after which the first may be asked again."""
    double = apply("Object{spec: Object.spec{replicas: object.spec.replicas * 2}}")
    mutate(cluster, double, name="first", reinvocationPolicy=policy)
    mutate(cluster, apply('Object{metadata: Object.metadata{labels: {"seen": "yes"}}}'), name="second")
    made = create(cluster, 1)
    assert made["metadata"]["labels"] == {"seen": "yes"}
    assert made["spec"]["replicas"] == expected


def test_only_what_matches(cluster: TestCluster) -> None:
    condition = [{"name": "big", "expression": "object.spec.replicas > 5"}]
    mutate(cluster, apply("Object{spec: Object.spec{replicas: 5}}"), matchConditions=condition)
    assert create(cluster, 3)["spec"]["replicas"] == 3
    assert create(cluster, 8, "big")["spec"]["replicas"] == 5


def test_what_a_policy_makes_is_validated_and_seen_by_other_policies(cluster: TestCluster) -> None:
    mutate(cluster, apply("Object{spec: Object.spec{replicas: -1}}"))
    assert "spec.replicas: Invalid value: -1" in refusal(cluster).message


@pytest.mark.parametrize(
    ("mutation", "text"),
    [
        (
            apply('Object{spec: Object.spec{selector: {"matchLabels": {"a": "b"}}}}'),
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
        ),
        (
            json_patch('[JSONPatch{op: "remove", path: "/spec/nothing"}]'),
            "JSON Patch: ",
        ),
        (apply("Object{spec: Object.spec{replicas: object.nothing}}"), "resulted in error: no such key: nothing"),
        (apply('Object{spec: Object.spec{replicas: "three"}}'), "spec.replicas"),
    ],
)
def test_what_cannot_be_done(cluster: TestCluster, mutation: Obj, text: str) -> None:
    mutate(cluster, mutation)
    error = refusal(cluster)
    assert error.message.startswith("policy 'p' with binding 'p-b' denied request: ")
    assert text in error.message, error.message
    assert error.code == 403


def test_failures_may_be_ignored(cluster: TestCluster) -> None:
    mutate(cluster, apply("Object{spec: Object.spec{replicas: object.nothing}}"), failurePolicy="Ignore")
    assert create(cluster, 3)["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("mutation", "text"),
    [
        (apply("Object{spec: Object.spec{replicas: }}"), "spec.mutations[0].applyConfiguration.expression"),
        (apply("'text'"), "must evaluate to map but got string"),
        (
            apply("Object{spec: Object.specs{replicas: 1}}"),
            'unexpected type name "Object.specs", expected "Object.spec"',
        ),
        (json_patch("Object{}"), "must evaluate to list but got map"),
    ],
)
def test_expressions_are_checked_when_a_policy_is_stored(cluster: TestCluster, mutation: Obj, text: str) -> None:
    with pytest.raises(ApiError) as refused:
        mutate(cluster, mutation)
    assert text in refused.value.message, refused.value.message


def test_deletions_have_nothing_to_change(cluster: TestCluster) -> None:
    rule = {**RULE, "operations": ["*"]}
    mutate(cluster, apply("Object{spec: Object.spec{replicas: 2}}"), matchConstraints={"resourceRules": [rule]})
    create(cluster)
    cluster.client.delete("deployments.apps", "web", "default")
