"""RBAC over HTTP: what is allowed, what is refused and in which words, and that nobody gives away more than they have."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.certificates import asked
from tests.support.https import HTTPS

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return made | ({"resourceNames": names.split()} if names else {})


def grant(https: HTTPS, user: str, *rules: dict[str, Any], namespace: str = "default") -> None:
    """A role of the user's own, bound in a namespace, or everywhere when that is empty."""
    role, binding = ("roles", "rolebindings") if namespace else ("clusterroles", "clusterrolebindings")
    kind = "Role" if namespace else "ClusterRole"
    https.client.create(role, {"metadata": {"name": user}, "rules": list(rules)}, namespace)
    ref = {"kind": kind, "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    subjects = [{"kind": "User", "name": user}]
    https.client.create(binding, {"metadata": {"name": user}, "roleRef": ref, "subjects": subjects}, namespace)


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 403 and answer.json()["reason"] == "Forbidden", answer.text
    return str(answer.json()["message"])


def test_a_role_allows_what_it_says_and_at_once(https: HTTPS) -> None:
    ann = https.as_user("ann")
    pods = "/api/v1/namespaces/default/pods"
    assert 'User "ann" cannot list resource "pods"' in refused(ann.get(pods))
    grant(https, "ann", rule("get list", "pods"), rule("get", "configmaps", names="mine"))
    assert ann.get(pods).status_code == 200
    assert ann.get(f"{pods}/x").status_code == 404
    assert ann.get("/api/v1/namespaces/default/configmaps/mine").status_code == 404
    assert refused(ann.get("/api/v1/namespaces/default/configmaps/other")) == (
        'configmaps "other" is forbidden: User "ann" cannot get resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    assert refused(ann.get(f"{pods}/x/log")) == (
        'pods "x" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "default"'
    )
    assert 'cannot list resource "pods" in API group "" in the namespace "kube-system"' in refused(
        ann.get("/api/v1/namespaces/kube-system/pods")
    )
    assert refused(ann.get("/api/v1/pods")) == (
        'pods is forbidden: User "ann" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert 'cannot watch resource "pods"' in refused(ann.get(f"{pods}?watch=true"))
    assert 'cannot deletecollection resource "pods"' in refused(ann.delete(pods))
    assert 'nodes "n" is forbidden: User "ann" cannot get resource "nodes"' in refused(ann.get("/api/v1/nodes/n"))
    https.client.delete("rolebindings", "ann", "default")
    refused(ann.get(pods))


def test_a_rule_with_names_allows_to_watch_the_one(https: HTTPS) -> None:
    grant(https, "amy", rule("list watch", "configmaps", names="mine"))
    amy = https.as_user("amy")
    path = "/api/v1/namespaces/default/configmaps"
    refused(amy.get(path))
    assert amy.get(path, params={"fieldSelector": "metadata.name=mine"}).status_code == 200
    watch = {"fieldSelector": "metadata.name=mine", "watch": "true", "timeoutSeconds": "1"}
    assert amy.get(path, params=watch).status_code == 200
    assert 'configmaps "other" is forbidden' in refused(amy.get(path, params={"fieldSelector": "metadata.name=other"}))
    refused(amy.get(path, params={"fieldSelector": "metadata.name!=other"}))


def test_what_the_refusal_says_of_broken_bindings(https: HTTPS) -> None:
    ref = {"kind": "Role", "name": "nowhere", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "broken"}, "roleRef": ref, "subjects": [{"kind": "User", "name": "ben"}]}
    https.client.create("rolebindings", binding, "default")
    assert refused(https.as_user("ben").get("/api/v1/namespaces/default/pods")) == (
        'pods is forbidden: User "ben" cannot list resource "pods" in API group "" in the namespace "default": '
        'RBAC: role.rbac.authorization.k8s.io "nowhere" not found'
    )


def test_resources_that_do_not_exist_are_refused_before_they_are_not_found(https: HTTPS) -> None:
    path = "/apis/example.com/v1/namespaces/default/wombats"
    assert 'wombats.example.com is forbidden: User "cat" cannot list resource "wombats"' in refused(
        https.as_user("cat").get(path)
    )
    assert https.admin().get(path).status_code == 404


def test_a_websocket_needs_the_right_to_create(https: HTTPS) -> None:
    grant(https, "dan", rule("get", "pods/exec"))
    told = refused(https.as_user("dan").get("/api/v1/namespaces/default/pods/x/exec?command=date"))
    assert 'User "dan" cannot create resource "pods/exec"' in told


def test_nobody_writes_a_role_with_more_than_they_have(https: HTTPS) -> None:
    grant(https, "eve", rule("get list", "pods"), rule("get create patch", "roles", "rbac.authorization.k8s.io"))
    eve = https.as_user("eve")
    made = eve.post(ROLES, json={"metadata": {"name": "less"}, "rules": [rule("get", "pods")]})
    assert made.status_code == 201
    more = {"metadata": {"name": "more"}, "rules": [rule("get delete", "pods"), rule("get", "secrets")]}
    assert refused(eve.post(ROLES, json=more)) == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "eve" (groups=["system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )
    patch = {"rules": [rule("get list watch", "pods")]}
    patched = eve.patch(f"{ROLES}/less", json=patch, headers={"content-type": "application/merge-patch+json"})
    assert 'Verbs:["watch"]' in refused(patched)
    by_server = {"content-type": "application/apply-patch+yaml"}
    body = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", **more}
    assert 'Verbs:["delete"]' in refused(eve.patch(f"{ROLES}/more?fieldManager=x", json=body, headers=by_server))


def test_who_may_only_patch_makes_nothing(https: HTTPS) -> None:
    grant(https, "fin", rule("patch update", "configmaps"), rule("update", "roles", "rbac.authorization.k8s.io"))
    fin = https.as_user("fin")
    path = "/api/v1/namespaces/default/configmaps/new?fieldManager=x"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}}
    by_server = {"content-type": "application/apply-patch+yaml"}
    assert 'configmaps "new" is forbidden: User "fin" cannot create' in refused(
        fin.patch(path, json=body, headers=by_server)
    )
    https.client.create("configmaps", body, "default")
    assert fin.patch(path, json={**body, "data": {"a": "b"}}, headers=by_server).status_code == 200
    assert "cannot create" in refused(fin.put(f"{ROLES}/new", json={"metadata": {"name": "new"}, "rules": []}))


def test_the_verb_escalate(https: HTTPS) -> None:
    grant(https, "fay", rule("create escalate", "roles", "rbac.authorization.k8s.io"))
    made = https.as_user("fay").post(ROLES, json={"metadata": {"name": "free"}, "rules": [rule("*", "*")]})
    assert made.status_code == 201


def test_nobody_binds_a_role_that_gives_more_than_they_have(https: HTTPS) -> None:
    grant(https, "gus", rule("get", "pods"), rule("create", "rolebindings", "rbac.authorization.k8s.io"))
    gus = https.as_user("gus")
    https.client.create("roles", {"metadata": {"name": "small"}, "rules": [rule("get", "pods")]}, "default")

    def binding(name: str, kind: str, role: str) -> dict[str, Any]:
        ref = {"kind": kind, "name": role, "apiGroup": "rbac.authorization.k8s.io"}
        return {"metadata": {"name": name}, "roleRef": ref, "subjects": [{"kind": "User", "name": "x"}]}

    assert gus.post(BINDINGS, json=binding("b1", "Role", "small")).status_code == 201
    assert 'Resources:["pods"]' in refused(gus.post(BINDINGS, json=binding("b2", "ClusterRole", "view")))
    missing = gus.post(BINDINGS, json=binding("b3", "ClusterRole", "nowhere"))
    assert missing.status_code == 404
    assert missing.json()["message"] == 'clusterroles.rbac.authorization.k8s.io "nowhere" not found'
    grant_bind = rule("bind", "clusterroles", "rbac.authorization.k8s.io", "view")
    https.client.patch(
        "roles", "gus", [{"op": "add", "path": "/rules/-", "value": grant_bind}], "default", patch_type="json"
    )
    assert gus.post(BINDINGS, json=binding("b2", "ClusterRole", "view")).status_code == 201
    refused(gus.post(BINDINGS, json=binding("b4", "ClusterRole", "edit")))


def test_an_aggregation_rule_asks_for_everything(https: HTTPS) -> None:
    grant(https, "hal", rule("create", "clusterroles", "rbac.authorization.k8s.io"), namespace="")
    role = {
        "metadata": {"name": "sum"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        "rules": [],
    }
    assert refused(https.as_user("hal").post(f"{RBAC}/clusterroles", json=role)).endswith(
        "must have cluster-admin privileges to use the aggregationRule"
    )


def test_who_approves_must_be_allowed_to_for_the_signer(https: HTTPS) -> None:
    group, path = "certificates.k8s.io", "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    own = rule("create get", "certificatesigningrequests", group)
    parts = rule("update", "certificatesigningrequests/approval certificatesigningrequests/status", group)
    grant(https, "ned", own, parts, namespace="")
    ned = https.as_user("ned", "dev")
    spec = {"request": asked("x"), "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    made = ned.post(path, json={"metadata": {"name": "neds"}, "spec": {**spec, "username": "root"}})
    assert made.status_code == 201, made.text
    assert (made.json()["spec"]["username"], made.json()["spec"]["groups"]) == ("ned", ["dev", "system:authenticated"])
    approved = {**made.json(), "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "r"}]}}
    assert refused(ned.put(f"{path}/neds/approval", json=approved)) == (
        'certificatesigningrequests.certificates.k8s.io "neds" is forbidden: user not permitted to approve requests '
        'with signerName "kubernetes.io/kube-apiserver-client"'
    )
    failed = {**made.json(), "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    assert "not permitted to sign" in refused(ned.put(f"{path}/neds/status", json=failed))
    https.client.patch(
        "clusterroles",
        "ned",
        [{"op": "add", "path": "/rules/-", "value": rule("approve", "signers", group, "kubernetes.io/*")}],
        patch_type="json",
    )
    assert ned.put(f"{path}/neds/approval", json=approved).status_code == 200


# ---------------------------------------------------------------------- reviews


def review(client: httpx.Client, kind: str, spec: dict[str, Any], namespace: str = "") -> httpx.Response:
    group = "authentication" if kind == "TokenReview" or kind == "SelfSubjectReview" else "authorization"
    where = f"namespaces/{namespace}/" if namespace else ""
    body = {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "spec": spec}
    if kind == "SelfSubjectReview":
        del body["spec"]
    return client.post(f"/apis/{group}.k8s.io/v1/{where}{kind.lower()}s", json=body)


LIST_PODS = {"namespace": "default", "verb": "list", "resource": "pods"}


def test_may_i(https: HTTPS) -> None:
    grant(https, "ida", rule("list", "pods"))
    ida = https.as_user("ida")
    yes = review(ida, "SelfSubjectAccessReview", {"resourceAttributes": LIST_PODS})
    assert yes.status_code == 201
    assert yes.json()["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "ida/default" of Role "ida" to User "ida"',
    }
    no = review(ida, "SelfSubjectAccessReview", {"resourceAttributes": {**LIST_PODS, "verb": "delete"}})
    assert no.json()["status"] == {"allowed": False}
    url = review(ida, "SelfSubjectAccessReview", {"nonResourceAttributes": {"path": "/version", "verb": "get"}})
    assert url.json()["status"]["allowed"] is True
    assert review(https.admin(), "SelfSubjectAccessReview", {"resourceAttributes": LIST_PODS}).json()["status"] == {
        "allowed": True
    }


def test_may_somebody_else(https: HTTPS) -> None:
    grant(https, "joy", rule("list", "pods"))
    spec = {"user": "joy", "resourceAttributes": LIST_PODS}
    assert 'cannot create resource "subjectaccessreviews"' in refused(
        review(https.as_user("joy"), "SubjectAccessReview", spec)
    )
    admin = https.admin()
    assert review(admin, "SubjectAccessReview", spec).json()["status"]["allowed"] is True
    assert review(admin, "SubjectAccessReview", {**spec, "user": "kim"}).json()["status"] == {"allowed": False}
    local = review(admin, "LocalSubjectAccessReview", spec, "default").json()
    assert local["status"]["allowed"] is True and local["metadata"]["namespace"] == "default"


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        (
            "SelfSubjectAccessReview",
            {},
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes "
            "must be specified",
        ),
        (
            "SubjectAccessReview",
            {"resourceAttributes": LIST_PODS},
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            "LocalSubjectAccessReview",
            {"user": "x", "resourceAttributes": {**LIST_PODS, "namespace": "other"}},
            'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
    ],
)
def test_questions_that_make_no_sense(https: HTTPS, kind: str, spec: dict[str, Any], message: str) -> None:
    answer = review(https.admin(), kind, spec, "default" if kind.startswith("Local") else "")
    assert answer.status_code == 422 and message in answer.json()["message"]


def test_all_that_i_may(https: HTTPS) -> None:
    grant(https, "lee", rule("list", "pods"))
    answer = review(https.as_user("lee"), "SelfSubjectRulesReview", {"namespace": "default"})
    status = answer.json()["status"]
    assert {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]} in status["resourceRules"]
    assert any("/version" in r["nonResourceURLs"] for r in status["nonResourceRules"])
    assert status["incomplete"] is False
    assert review(https.as_user("lee"), "SelfSubjectRulesReview", {}).status_code == 400


def test_who_am_i(https: HTTPS) -> None:
    answer = review(https.as_user("max", "dev"), "SelfSubjectReview", {}).json()
    info = answer["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("max", ["dev", "system:authenticated"])
    assert info["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    assert answer["metadata"]["creationTimestamp"]


def test_whose_token_is_this(https: HTTPS) -> None:
    admin = https.admin()
    good = review(admin, "TokenReview", {"token": https.token_of("default")}).json()["status"]
    assert good["authenticated"] is True
    assert good["user"]["username"] == "system:serviceaccount:default:default"
    assert good["audiences"] == ["https://kubernetes.default.svc.cluster.local"]
    bad = review(admin, "TokenReview", {"token": "x.y.z"}).json()["status"]
    assert bad == {"user": {}, "error": "invalid bearer token"}
    other = review(admin, "TokenReview", {"token": https.token_of("default"), "audiences": ["vault"]}).json()["status"]
    assert "authenticated" not in other and "invalid for the target audience" in other["error"]
    assert review(admin, "TokenReview", {}).status_code == 400


def test_reviews_are_only_asked(https: HTTPS) -> None:
    answer = https.admin().get("/apis/authorization.k8s.io/v1/subjectaccessreviews")
    assert answer.status_code == 405
    listed = https.admin().get("/apis/authorization.k8s.io/v1").json()["resources"]
    assert {r["name"] for r in listed} >= {"subjectaccessreviews", "selfsubjectrulesreviews"}
    assert all(r["verbs"] == ["create"] for r in listed)


@pytest.mark.parametrize("path", ["pods/x/exec?command=date", "pods/x/attach", "pods/x/portforward?ports=80"])
def test_nobody_enters_a_container_by_websocket_without_the_right(https: HTTPS, path: str) -> None:
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-protocol": "v5.channel.k8s.io",
    }
    for client in (https.anonymous(), https.as_user("zoe")):
        answer = client.get(f"/api/v1/namespaces/default/{path}", headers=headers)
        assert answer.status_code == 403, answer.text
    bad = {**headers, "authorization": "Bearer nonsense"}
    assert https.anonymous().get(f"/api/v1/namespaces/default/{path}", headers=bad).status_code == 401
    found = https.admin().get(f"/api/v1/namespaces/default/{path}", headers=headers)
    assert found.status_code in (400, 404), found.text


def test_a_browsers_token_comes_as_a_subprotocol(https: HTTPS) -> None:
    import base64

    encoded = base64.urlsafe_b64encode(https.token_of("default").encode()).decode().rstrip("=")
    headers = {"sec-websocket-protocol": f"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{encoded}"}
    told = refused(https.anonymous().get("/api/v1/namespaces/default/pods", headers=headers))
    assert 'User "system:serviceaccount:default:default"' in told


def test_kubelets_see_what_their_pods_need(https: HTTPS) -> None:
    admin = https.admin()
    pod = {"containers": [{"name": "c", "image": "x", "envFrom": [{"secretRef": {"name": "needed"}}]}]}
    for name in ("needed", "other"):
        assert admin.post("/api/v1/namespaces/default/secrets", json={"metadata": {"name": name}}).status_code == 201
    body = {"metadata": {"name": "web"}, "spec": {**pod, "nodeName": "one"}}
    assert admin.post("/api/v1/namespaces/default/pods", json=body).status_code == 201
    one = {"Impersonate-User": "system:node:one", "Impersonate-Group": "system:nodes"}
    two = {**one, "Impersonate-User": "system:node:two"}
    assert admin.get("/api/v1/namespaces/default/secrets/needed", headers=one).status_code == 200
    message = refused(admin.get("/api/v1/namespaces/default/secrets/needed", headers=two))
    assert message.endswith("no relationship found between node 'two' and this object")
    refused(admin.get("/api/v1/namespaces/default/secrets/other", headers=one))
    refused(admin.get("/api/v1/pods", headers=one))
    assert admin.get("/api/v1/pods?fieldSelector=spec.nodeName%3Done", headers=one).status_code == 200
    for selector, allowed in (
        ({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["one"]}]}, True),
        ({"rawSelector": "spec.nodeName=one"}, True),
        ({"rawSelector": "spec.nodeName in"}, False),
        ({}, False),
    ):
        asked = {"verb": "list", "resource": "pods", "fieldSelector": selector}
        spec = {"user": "system:node:one", "groups": ["system:nodes"], "resourceAttributes": asked}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        found = admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=review).json()
        assert found["status"]["allowed"] is allowed, found
