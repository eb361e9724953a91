"""`auth can-i`, `whoami` and `reconcile`, and acting as somebody else at the door to the files."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.kubectl import reconciling
from tests.support.cluster import TestCluster

GROUP = "rbac.authorization.k8s.io"


def rule(verbs: str, resources: str, group: str = "") -> dict[str, Any]:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}


@pytest.fixture
def cluster(cluster: TestCluster) -> TestCluster:
    """bob may get pods in `default`; whoever is authenticated may ask about itself."""
    create = cluster.client.create
    create("roles", {"metadata": {"name": "reader"}, "rules": [rule("get", "pods")]}, "default")
    bob = [{"kind": "User", "name": "bob"}]
    create(
        "rolebindings",
        {"metadata": {"name": "bob"}, "roleRef": {"kind": "Role", "name": "reader"}, "subjects": bob},
        "default",
    )
    own = [rule("create", "selfsubjectaccessreviews selfsubjectrulesreviews", "authorization.k8s.io")]
    own.append(rule("create", "selfsubjectreviews", "authentication.k8s.io"))
    own.append({"verbs": ["get"], "nonResourceURLs": ["/version"]})
    create("clusterroles", {"metadata": {"name": "basic"}, "rules": own})
    everybody = [{"kind": "Group", "name": "system:authenticated"}]
    binding = {
        "metadata": {"name": "basic"},
        "roleRef": {"kind": "ClusterRole", "name": "basic"},
        "subjects": everybody,
    }
    create("clusterrolebindings", binding)
    return cluster


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        ("create pods", "yes", ""),
        ("get pods --as=bob", "yes", ""),
        ("get pod/web --as=bob", "yes", ""),
        ("get po --as=bob", "yes", ""),
        ("delete pods --as=bob", "no", ""),
        ("get pods -A --as=bob", "no", ""),
        ("get pods --subresource=log --as=bob", "no", ""),
        ("list deployments.apps --as=bob", "no", ""),
        ("get /version --as=bob", "yes", ""),
        ("get /metrics --as=bob", "no", ""),
        ("delete pods --as=bob --as-group=system:masters", "yes", ""),
        ("get pods --as=bob -q", "", ""),
        ("'*' '*'", "yes", ""),
        ("impersonate users", "yes", ""),
        ("get wombats", "yes", "Warning: the server doesn't have a resource type 'wombats'\n\n"),
        ("get a.b.c", "yes", "Warning: the server doesn't have a resource type 'a' in group 'b.c'\n\n"),
        ("get nodes", "yes", "Warning: resource 'nodes' is not namespace scoped\n\n"),
        ("tickle pods", "yes", "Warning: verb 'tickle' is not a known verb\n\n"),
        ("post /x", "yes", ""),
        ("tickle /x", "yes", "Warning: verb 'tickle' is not a known verb\n\n"),
    ],
)
def test_can_i(cluster: TestCluster, words: str, out: str, err: str) -> None:
    done = cluster.cli("auth", "can-i", *words.replace("'", "").split())
    assert (done.out, done.err) == (f"{out}\n" if out else "", err)
    assert done.code == (1 if out == "no" else 0)


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (
            "",
            "you must specify two arguments: verb resource or verb resource/resourceName.\n"
            "See 'kubectl auth can-i -h' for help and examples.",
        ),
        ("--list x", "list option must be specified with no arguments"),
        ("--list -q", "list option can't be specified with neither quiet, all-namespaces nor subresource options"),
        ("get /x --subresource=y", "--subresource can not be used with NonResourceURL"),
        ("get pods --no-headers", "--no-headers cannot be set without --list specified"),
        (
            "get pods --as-group=x",
            "requesting uid, groups or user-extra for minikctl-admin without impersonating a user",
        ),
    ],
)
def test_can_i_of_words_that_make_no_sense(cluster: TestCluster, words: str, err: str) -> None:
    done = cluster.cli("auth", "can-i", *words.split())
    assert (done.code, done.out, done.err) == (1, "", f"error: {err}\n")


def test_the_list_of_what_i_may(cluster: TestCluster) -> None:
    assert cluster.cli("auth", "can-i", "--list", "--as=bob").out == (
        "Resources                                       Non-Resource URLs   Resource Names   Verbs\n"
        "selfsubjectreviews.authentication.k8s.io        []                  []               [create]\n"
        "selfsubjectaccessreviews.authorization.k8s.io   []                  []               [create]\n"
        "selfsubjectrulesreviews.authorization.k8s.io    []                  []               [create]\n"
        "                                                [/version]          []               [get]\n"
        "pods                                            []                  []               [get]\n"
    )
    shown = cluster.cli("auth", "can-i", "--list", "--as=bob", "-n", "kube-system", "--no-headers").out
    assert "pods" not in shown and not shown.startswith("Resources")


def test_a_binding_without_its_role_is_told(cluster: TestCluster) -> None:
    ref = {"kind": "Role", "name": "nowhere"}
    binding = {"metadata": {"name": "odd"}, "roleRef": ref, "subjects": [{"kind": "User", "name": "bob"}]}
    cluster.client.create("rolebindings", binding, "default")
    problem = 'role.rbac.authorization.k8s.io "nowhere" not found'
    assert cluster.cli("auth", "can-i", "list", "pods", "--as=bob").out == f"no - RBAC: {problem}\n"
    assert f"the list may be incomplete: {problem}" in cluster.cli("auth", "can-i", "--list", "--as=bob").err


def test_whoami(cluster: TestCluster) -> None:
    assert cluster.cli("auth", "whoami").out == (
        "ATTRIBUTE   VALUE\nUsername    kubernetes-admin\nGroups      [system:masters system:authenticated]\n"
    )
    whole = ("--as=bob", "--as-group=g", "--as-uid=7", "--as-user-extra=a=b", "--as-user-extra=a=c")
    assert cluster.cli("auth", "whoami", *whole).out == (
        "ATTRIBUTE   VALUE\nUsername    bob\nUID         7\nGroups      [g system:authenticated]\nExtra: a    [b c]\n"
    )
    path = "jsonpath={.status.userInfo.username}"
    assert cluster.cli("auth", "whoami", "--as=bob", "-o", path).out == "bob"
    assert cluster.cli("auth", "whoami", "-o", "nonsense").code == 1


def test_nobody_may_ask_who_is_not_authenticated(cluster: TestCluster) -> None:
    done = cluster.cli("auth", "whoami", "--as=system:anonymous")
    assert done.err == (
        "error: the selfsubjectreviews API is not enabled in the cluster or you do not have permission to call it\n"
    )


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("get secrets", 'secrets is forbidden: User "bob" cannot list resource "secrets" in API group ""'),
        ("get pods -A", 'pods is forbidden: User "bob" cannot list resource "pods" in API group "" at the cluster scope'),
        ("get node n", 'nodes "n" is forbidden: User "bob" cannot get resource "nodes"'),
        ("delete pod x", 'pods "x" is forbidden: User "bob" cannot delete resource "pods"'),
        ("create cm x", 'configmaps is forbidden: User "bob" cannot create resource "configmaps"'),
        ("logs x", 'pods "x" is forbidden: User "bob" cannot get resource "pods/log"'),
        ("create token default", 'serviceaccounts "default" is forbidden: User "bob" cannot create resource "serviceaccounts/token"'),
        ("label ns default a=b", 'namespaces "default" is forbidden: User "bob" cannot get resource "namespaces" in API group "" in the namespace "default"'),
    ],
)  # fmt: skip
def test_who_acts_as_somebody_may_what_they_may(cluster: TestCluster, words: str, refusal: str) -> None:
    cluster.client.create(
        "pods", {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}, "default"
    )
    done = cluster.cli(*words.split(), "--as=bob")
    assert done.code == 1 and refusal in done.err
    assert cluster.cli("get", "pod", "x", "--as=bob", "-o", "name").out == "pod/x\n"


# ---------------------------------------------------------------------- reconcile

ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rec, labels: {a: b}}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rec}
roleRef: {kind: Role, name: rec}
subjects: [{kind: User, name: ann}, {kind: ServiceAccount, name: robot, namespace: dev}]
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: ignored}}
"""


def reconcile(cluster: TestCluster, text: str, *flags: str) -> tuple[str, str]:
    done = cluster.cli("auth", "reconcile", "-f", "-", *flags, stdin=text)
    assert done.code == 0, done.err
    return done.out, done.err


def test_reconcile(cluster: TestCluster) -> None:
    out, err = reconcile(cluster, ROLES, "--dry-run=client")
    assert out.splitlines()[0] == f"role.{GROUP}/rec reconciled (dry run)"
    assert cluster.cli("get", "role", "rec").code == 1
    out, err = reconcile(cluster, ROLES)
    assert out == f"role.{GROUP}/rec reconciled\nrolebinding.{GROUP}/rec reconciled\n"
    assert err == (
        "\treconciliation required create\n\tmissing rules added:\n"
        "\t\t{Verbs:[get list] APIGroups:[] Resources:[pods] ResourceNames:[] NonResourceURLs:[]}\n"
        "\treconciliation required create\n\tmissing subjects added:\n"
        f"\t\t{{Kind:User APIGroup:{GROUP} Name:ann Namespace:}}\n"
        "\t\t{Kind:ServiceAccount APIGroup: Name:robot Namespace:dev}\n"
    )
    assert reconcile(cluster, ROLES) == (out, "")
    changed = ROLES.replace("get, list", "get, watch").replace("ann", "eve")
    _, err = reconcile(cluster, changed)
    assert "required update" in err and "{Verbs:[watch]" in err and "Name:eve" in err
    assert len(cluster.client.get("roles", "rec", "default")["rules"]) == 2
    _, err = reconcile(cluster, ROLES, "--remove-extra-permissions", "--remove-extra-subjects")
    assert "extra rules removed:\n\t\t{Verbs:[watch]" in err and "extra subjects removed:" in err
    assert cluster.client.get("roles", "rec", "default")["rules"] == [rule("get list", "pods")]
    _, err = reconcile(cluster, ROLES.replace("kind: Role, name: rec", "kind: ClusterRole, name: view"))
    assert err == "\treconciliation required recreate\n"
    assert cluster.client.get("rolebindings", "rec", "default")["roleRef"]["name"] == "view"


def test_reconcile_makes_the_namespace(cluster: TestCluster) -> None:
    reconcile(cluster, ROLES, "-n", "fresh")
    assert cluster.cli("get", "role,rolebinding", "-n", "fresh", "-o", "name").out.count("/rec") == 2


def test_reconcile_leaves_alone_what_opted_out(cluster: TestCluster) -> None:
    role = {"kind": "ClusterRole", "metadata": {"name": "a"}, "rules": [rule("get", "pods")]}
    out = {**role, "metadata": {"name": "a", "annotations": {reconciling.AUTOUPDATE: "false"}}, "rules": []}
    plan = reconciling.plan(out, role, remove_extra=False)
    assert plan.protected and plan.missing == [rule("get", "pods")]


def test_aggregated_roles_compare_their_selectors_alone() -> None:
    def role(*selectors: str, **more: Any) -> dict[str, Any]:
        chosen = [{"matchLabels": {s: "x"}} for s in selectors]
        return {"kind": "ClusterRole", "metadata": {}, "aggregationRule": {"clusterRoleSelectors": chosen}, **more}

    plan = reconciling.plan(role("a", rules=[rule("get", "pods")]), role("b"), remove_extra=False)
    assert plan.operation == reconciling.UPDATE and plan.missing == plan.extra == []
    assert plan.obj["aggregationRule"] == role("a", "b")["aggregationRule"]
    assert reconciling.plan(role("a"), role("a"), remove_extra=True).operation == reconciling.NONE


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        ((), "must specify one of -f and -k"),
        (("-f", "-", "x"), "no arguments are allowed"),
        (("-f", "-", "--dry-run=server"), "--dry-run=server for command reconcile is not supported yet"),
        (
            ("-f", "-"),
            'unable to decode "STDIN": no kind "Widget" is registered for version "example.com/v1" in scheme '
            '"pkg/scheme/scheme.go:28"',
        ),
    ],
)
def test_reconcile_of_what_cannot_be(cluster: TestCluster, argv: tuple[str, ...], err: str) -> None:
    text = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}"
    done = cluster.cli("auth", "reconcile", *argv, stdin=text)
    assert (done.code, done.err) == (1, f"error: {err}\n")
