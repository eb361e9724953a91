"""What rules allow and cover, and whom bindings are about."""

from __future__ import annotations

import pytest

from minikctl.api import policy_rules
from minikctl.api.meta import Obj
from minikctl.apiserver.auth import rbac
from minikctl.apiserver.auth.rbac import Action
from minikctl.apiserver.request import User


def rule(verbs: str, groups: str, resources: str, names: str = "") -> Obj:
    listed = ["" if g == "core" else g for g in groups.split()]
    made: Obj = {"verbs": verbs.split(), "apiGroups": listed, "resources": resources.split()}
    return made | ({"resourceNames": names.split()} if names else {})


PODS = rule("get list", "core", "pods")
ONE = rule("get update", "core", "configmaps", "settings")
URLS = {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/metrics/*"]}


@pytest.mark.parametrize(
    ("given", "action", "allowed"),
    [
        (PODS, Action("get", "", "pods", "", "default", "web"), True),
        (PODS, Action("delete", "", "pods", "", "default", "web"), False),
        (PODS, Action("get", "apps", "pods"), False),
        (PODS, Action("get", "", "pods", "log"), False),
        (rule("get", "core", "pods/log"), Action("get", "", "pods", "log"), True),
        (rule("get", "core", "*/log"), Action("get", "", "pods", "log"), True),
        (rule("get", "core", "*/log"), Action("get", "", "pods"), False),
        (rule("*", "*", "*"), Action("get", "apps", "deployments", "scale"), True),
        (rule("*", "*", "*"), Action("get", path="/healthz"), False),
        (ONE, Action("get", "", "configmaps", "", "a", "settings"), True),
        (ONE, Action("get", "", "configmaps", "", "a", "others"), False),
        (ONE, Action("list", "", "configmaps", "", "a"), False),
        (URLS, Action("get", path="/healthz"), True),
        (URLS, Action("get", path="/healthz/etcd"), False),
        (URLS, Action("get", path="/metrics/slis"), True),
        (URLS, Action("post", path="/healthz"), False),
        ({"verbs": None}, Action("get", "", "pods"), False),
    ],
)
def test_allows(given: Obj, action: Action, allowed: bool) -> None:
    assert rbac.allows(given, action) is allowed


@pytest.mark.parametrize(
    ("owned", "wanted", "left"),
    [
        ([PODS], [rule("get", "core", "pods")], []),
        ([PODS], [rule("get watch", "core", "pods")], [rule("watch", "core", "pods")]),
        ([PODS, rule("watch", "core", "pods")], [rule("get watch", "core", "pods")], []),
        ([PODS], [rule("get", "core", "pods", "web")], []),
        ([ONE], [rule("get", "core", "configmaps")], [rule("get", "core", "configmaps")]),
        ([ONE], [rule("get", "core", "configmaps", "settings x")], [rule("get", "core", "configmaps", "x")]),
        ([rule("*", "*", "*")], [rule("*", "*", "*"), URLS], [
            {"verbs": ["get"], "nonResourceURLs": ["/healthz"]},
            {"verbs": ["get"], "nonResourceURLs": ["/metrics/*"]},
        ]),
        ([URLS], [{"verbs": ["get"], "nonResourceURLs": ["/metrics/a"]}], []),
        ([rule("get", "core", "*/log")], [rule("get", "core", "pods/log")], []),
    ],
)  # fmt: skip
def test_uncovered(owned: list[Obj], wanted: list[Obj], left: list[Obj]) -> None:
    assert policy_rules.uncovered(owned, wanted) == left


def test_the_text_of_missing_rules() -> None:
    parts = policy_rules.uncovered([], [rule("get list", "core", "pods"), rule("get", "apps", "deployments", "a")])
    assert [policy_rules.text(r) for r in policy_rules.compacted(parts)] == [
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["a"], Verbs:["get"]}',
        '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
    ]


def test_subjects() -> None:
    keys = rbac.keys_of(User("system:serviceaccount:web:robot", ("system:serviceaccounts",)))
    robot = {"kind": "ServiceAccount", "name": "robot"}
    binding = {"metadata": {"name": "b", "namespace": "web"}, "subjects": [{"kind": "User", "name": "x"}, robot]}
    assert rbac.applying_subject(binding, keys) == robot
    assert rbac.applying_subject({**binding, "metadata": {"name": "b", "namespace": "other"}}, keys) is None
    assert rbac.applying_subject({**binding, "metadata": {"name": "b"}}, keys) is None
    group = {"kind": "Group", "name": "system:serviceaccounts"}
    assert rbac.applying_subject({"metadata": {"name": "b"}, "subjects": [group]}, keys) == group
    assert rbac.applying_subject({"metadata": {"name": "b"}, "subjects": None}, keys) is None


def test_a_binding_as_a_reason_names_it() -> None:
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "web"}
    binding = {"metadata": {"name": "b", "namespace": "web"}, "roleRef": {"kind": "Role", "name": "r"}}
    assert rbac.described(binding, subject) == 'RoleBinding "b/web" of Role "r" to ServiceAccount "robot/web"'
