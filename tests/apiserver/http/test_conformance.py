"""What Kubernetes' own conformance tests of the API ask, in short. Their names are in the docstrings."""

from __future__ import annotations

import json
from itertools import islice

import httpx
import pytest

from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
MERGE = {"content-type": "application/merge-patch+json"}
NS = "/api/v1/namespaces/default"


def resources(http: httpx.Client, path: str) -> dict[str, Obj]:
    return {r["name"]: r for r in http.get(path).json()["resources"]}


def test_webhooks_in_discovery(http: httpx.Client) -> None:
    """AdmissionWebhook should include webhook resources in discovery documents."""
    groups = {g["name"]: g for g in http.get("/apis").json()["groups"]}
    assert {"groupVersion": "admissionregistration.k8s.io/v1", "version": "v1"} in groups[
        "admissionregistration.k8s.io"
    ]["versions"]
    assert http.get("/apis/admissionregistration.k8s.io").json()["name"] == "admissionregistration.k8s.io"
    found = resources(http, "/apis/admissionregistration.k8s.io/v1")
    wanted = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies"}
    assert wanted <= found.keys()


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery(http: httpx.Client, path: str) -> None:
    """AggregatedDiscovery should support aggregated discovery interface; … raw endpoint Accept headers."""
    both = http.get(path, headers={"accept": f"{AGGREGATED},application/json"})
    assert both.headers["content-type"] == AGGREGATED
    assert both.json()["kind"] == "APIGroupDiscoveryList" and both.json()["apiVersion"] == "apidiscovery.k8s.io/v2"
    for group in both.json()["items"]:
        for version in group["versions"]:
            prefix = f"/apis/{group['metadata']['name']}" if group["metadata"].get("name") else "/api"
            legacy = resources(http, f"{prefix}/{version['version']}")
            assert {r["resource"] for r in version["resources"]} == {n for n in legacy if "/" not in n}
    plain = http.get(path, headers={"accept": "application/json"})
    assert plain.headers["content-type"] == "application/json" and plain.json()["kind"] in (
        "APIVersions",
        "APIGroupList",
    )


def test_server_version(http: httpx.Client) -> None:
    """server version should find the server version."""
    found = http.get("/version").json()
    assert (found["major"], found["minor"]) == ("1", "36") and found["gitVersion"].startswith("v1.36.")


def test_chunks(live: TestCluster, http: httpx.Client) -> None:
    """Servers with support for API chunking should return chunks of results for list calls."""
    for i in range(40):
        template = {
            "metadata": {"name": f"t{i:02}"},
            "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
        }
        live.client.create("podtemplates", template, "default")
    found: list[str] = []
    token, version = "", ""
    while True:
        page = http.get(f"{NS}/podtemplates", params={"limit": 17, "continue": token}).json()
        assert len(page["items"]) <= 17
        version = version or page["metadata"]["resourceVersion"]
        assert page["metadata"]["resourceVersion"] == version
        found += [i["metadata"]["name"] for i in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] + len(found) == 40
    assert found == [f"t{i:02}" for i in range(40)]
    assert len(http.get(f"{NS}/podtemplates").json()["items"]) == 40


def test_watches_begin_where_others_ended(live: TestCluster, http: httpx.Client) -> None:
    """Watchers should be able to (re)start watching from a specific, or the last, resource version."""

    def events(version: str, count: int) -> list[tuple[str, str, str]]:
        query = {"watch": "1", "resourceVersion": version, "labelSelector": "watch=me"}
        with http.stream("GET", f"{NS}/configmaps", params=query) as answer:
            lines = [json.loads(line) for line in islice(answer.iter_lines(), count)]
        return [
            (e["type"], (e["object"].get("data") or {}).get("n", ""), e["object"]["metadata"]["resourceVersion"])
            for e in lines
        ]

    made = live.client.create("cm", {"metadata": {"name": "w", "labels": {"watch": "me"}}}, "default")
    first = live.client.patch("cm", "w", {"data": {"n": "1"}}, "default")
    live.client.patch("cm", "w", {"data": {"n": "2"}}, "default")
    live.client.delete("cm", "w", "default")
    assert [e[:2] for e in events(first["metadata"]["resourceVersion"], 2)] == [("MODIFIED", "2"), ("DELETED", "2")]
    one = events(made["metadata"]["resourceVersion"], 1)[0]
    assert one[:2] == ("MODIFIED", "1")
    assert [e[:2] for e in events(one[2], 2)] == [("MODIFIED", "2"), ("DELETED", "2")]


@pytest.mark.parametrize("path", ["/api/v1", "/apis/events.k8s.io/v1"])
def test_collections_of_events(live: TestCluster, http: httpx.Client, path: str) -> None:
    """Events (API) should delete a collection of events."""
    for i in range(3):
        labels = {"testevent-set": "true"} if i < 2 else {}
        event = {
            "metadata": {"name": f"e{i}", "labels": labels},
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
            "reason": "Test",
            "message": "m",
            "type": "Normal",
        }
        live.client.create("events", event, "default")
    events = f"{path}/namespaces/default/events"
    selector = {"labelSelector": "testevent-set=true"}
    assert len(http.get(events, params=selector).json()["items"]) == 2
    gone = http.delete(events, params=selector)
    assert gone.status_code == 200
    assert [e["metadata"]["name"] for e in http.get(events).json()["items"]] == ["e2"]


def test_namespaces(http: httpx.Client) -> None:
    """Namespaces should apply a finalizer to a Namespace; … should apply changes to a namespace status."""
    made = http.post("/api/v1/namespaces", json={"metadata": {"name": "n"}}).json()
    assert (
        made["spec"]["finalizers"] == ["kubernetes"]
        and made["metadata"]["labels"]["kubernetes.io/metadata.name"] == "n"
    )
    made["spec"]["finalizers"].append("e2e.example.com/fake")
    final = http.put("/api/v1/namespaces/n/finalize", json=made).json()
    assert final["spec"]["finalizers"] == ["kubernetes", "e2e.example.com/fake"]
    condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "patched"}
    body = {"metadata": {"annotations": {"patched": "true"}}, "status": {"conditions": [condition]}}
    patched = http.patch("/api/v1/namespaces/n/status", json=body, headers=MERGE).json()
    assert patched["status"]["conditions"][0]["reason"] == "E2E" and patched["status"]["phase"] == "Active"
    update = {
        **patched,
        "status": {**patched["status"], "conditions": [condition, {**condition, "type": "StatusUpdate"}]},
    }
    updated = http.put("/api/v1/namespaces/n/status", json=update).json()
    assert len(updated["status"]["conditions"]) == 2


def test_quotas(http: httpx.Client) -> None:
    """ResourceQuota should be able to update and delete ResourceQuota; … apply changes to a resourcequota status."""
    quotas = f"{NS}/resourcequotas"
    made = http.post(quotas, json={"metadata": {"name": "q"}, "spec": {"hard": {"cpu": "1", "memory": "500Mi"}}}).json()
    assert made["spec"]["hard"] == {"cpu": "1", "memory": "500Mi"}
    made["spec"]["hard"]["cpu"] = "2"
    assert http.put(f"{quotas}/q", json=made).json()["spec"]["hard"]["cpu"] == "2"
    status = {"status": {"hard": {"cpu": "2", "memory": "500Mi"}}}
    assert http.patch(f"{quotas}/q/status", json=status, headers=MERGE).json()["status"]["hard"]["cpu"] == "2"
    assert http.get(f"{quotas}/q").json()["status"] == status["status"]
    assert http.delete(f"{quotas}/q").status_code == 200 and http.get(f"{quotas}/q").status_code == 404


TEMPLATE: Obj = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def deployment(**more: object) -> str:
    body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE, **more}}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", **body})


def test_field_validation(http: httpx.Client) -> None:
    """FieldValidation should detect unknown and duplicate fields of a typed object."""
    path = "/apis/apps/v1/namespaces/default/deployments"
    twice = deployment(unknown1="val1")[:-2] + ', "paused": true, "paused": false}}'
    strict = http.post(path, params={"fieldValidation": "Strict"}, content=twice)
    assert strict.status_code == 400
    message = strict.json()["message"]
    assert 'unknown field "spec.unknown1"' in message and 'duplicate field "spec.paused"' in message
    warned = http.post(path, params={"fieldValidation": "Warn"}, content=twice)
    assert warned.status_code == 201 and 'unknown field \\"spec.unknown1\\"' in warned.headers["warning"]
    ignored = http.post(
        path, params={"fieldValidation": "Ignore", "dryRun": "All"}, content=twice.replace('"d"', '"e"')
    )
    assert ignored.status_code == 201 and "warning" not in ignored.headers


def test_accounts_may_go_without_their_token(live: TestCluster, http: httpx.Client) -> None:
    """ServiceAccounts should allow opting out of API token automount."""
    for account, setting in (("mount", True), ("nomount", False)):
        live.client.create("sa", {"metadata": {"name": account}, "automountServiceAccountToken": setting}, "default")

    def mounts(account: str, setting: bool | None) -> bool:
        spec = {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]}
        if setting is not None:
            spec["automountServiceAccountToken"] = setting
        pod = http.post(f"{NS}/pods", params={"dryRun": "All"}, json={"metadata": {"name": "p"}, "spec": spec}).json()
        where = [m["mountPath"] for c in pod["spec"]["containers"] for m in c.get("volumeMounts") or []]
        return "/var/run/secrets/kubernetes.io/serviceaccount" in where

    wanted = {("mount", None): True, ("mount", False): False, ("nomount", None): False, ("nomount", True): True}
    assert {key: mounts(*key) for key in wanted} == wanted


def test_token_reviews(http: httpx.Client, live: TestCluster) -> None:
    """ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview."""
    live.client.create("sa", {"metadata": {"name": "robot"}}, "default")
    request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"expirationSeconds": 3600}}
    token = http.post(f"{NS}/serviceaccounts/robot/token", json=request)
    assert token.status_code == 201
    review = {"spec": {"token": token.json()["status"]["token"]}}
    found = http.post("/apis/authentication.k8s.io/v1/tokenreviews", json=review).json()
    assert found["status"]["authenticated"] is True
    assert found["status"]["user"]["username"] == "system:serviceaccount:default:robot"


def test_access_reviews(http: httpx.Client) -> None:
    """SubjectReview should support SubjectReview API operations."""
    asked = {"resourceAttributes": {"verb": "list", "resource": "configmaps", "namespace": "default"}}
    base = "/apis/authorization.k8s.io/v1"
    found = http.post(f"{base}/subjectaccessreviews", json={"spec": {**asked, "user": "nobody"}})
    assert found.status_code == 201 and found.json()["status"]["allowed"] is False
    local = {"metadata": {"namespace": "default"}, "spec": {**asked, "user": "nobody"}}
    found = http.post(f"{base}/namespaces/default/localsubjectaccessreviews", json=local)
    assert found.status_code == 201 and found.json()["status"]["allowed"] is False


def test_answers_that_are_no_objects_have_no_table(http: httpx.Client) -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    review["spec"] = {"nonResourceAttributes": {"path": "/", "verb": "get"}}
    assert http.post(path, json=review, headers={"Accept": table}).status_code == 406
    either = http.post(path, json=review, headers={"Accept": f"{table},application/json"})
    assert (either.status_code, either.json()["kind"]) == (201, "SelfSubjectAccessReview")


@pytest.mark.parametrize("mode", ["Strict", "Warn", "Ignore"])
def test_an_apply_patch_with_a_key_twice(http: httpx.Client, mode: str) -> None:
    patch = "\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: twice\ndata:\n  foo: '1'\n  foo: '2'\n"
    found = http.patch(
        f"{NS}/configmaps/twice",
        content=patch,
        params={"fieldManager": "m", "fieldValidation": mode},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    words = 'yaml: unmarshal errors:\n  line 8: key "foo" already set in map'
    if mode == "Strict":
        assert found.status_code == 400
        assert found.json()["message"] == f"error strict decoding YAML: error converting YAML to JSON: {words}"
    else:
        assert (found.status_code, found.json()["data"]) == (201, {"foo": "2"})
        assert ("already set in map" in found.headers.get("warning", "")) is (mode == "Warn")
