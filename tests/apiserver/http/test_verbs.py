"""The verbs over HTTP: forms, codes, errors."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from minikctl.apiserver.http.messages import MAX_BODY

PODS = "/api/v1/namespaces/default/pods"
CMS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


def cm(name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"n": name}}, "data": data}


def test_create_read_update_delete(http: httpx.Client) -> None:
    made = http.post(CMS, json=cm("a", x="1"))
    assert made.status_code == 201 and made.json()["metadata"]["uid"]
    assert http.get(f"{CMS}/a").json() == made.json()
    changed = http.put(f"{CMS}/a", json={**made.json(), "data": {"x": "2"}})
    assert changed.status_code == 200 and changed.json()["data"] == {"x": "2"}
    stale = http.put(f"{CMS}/a", json={**made.json(), "data": {"x": "3"}})
    assert (stale.status_code, stale.json()["reason"]) == (409, "Conflict")
    gone = http.delete(f"{CMS}/a")
    assert gone.status_code == 200 and gone.json()["status"] == "Success"
    assert gone.json()["details"] == {"name": "a", "kind": "configmaps", "uid": made.json()["metadata"]["uid"]}
    missing = http.get(f"{CMS}/a")
    assert missing.status_code == 404
    assert missing.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "a" not found',
        "reason": "NotFound",
        "details": {"name": "a", "kind": "configmaps"},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", '{"data":{"y":"2"}}'),
        ("application/strategic-merge-patch+json", '{"data":{"y":"2"}}'),
        ("application/json-patch+json", '[{"op":"add","path":"/data/y","value":"2"}]'),
    ],
)
def test_patches(http: httpx.Client, content_type: str, patch: str) -> None:
    http.post(CMS, json=cm("a", x="1"))
    answer = http.patch(f"{CMS}/a", content=patch, headers={"content-type": content_type})
    assert answer.status_code == 200 and answer.json()["data"] == {"x": "1", "y": "2"}


def test_apply(http: httpx.Client) -> None:
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n"
    headers = {"content-type": "application/apply-patch+yaml"}
    first = http.patch(f"{CMS}/a?fieldManager=me", content=body, headers=headers)
    again = http.patch(f"{CMS}/a?fieldManager=me", content=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    other = http.patch(f"{CMS}/a?fieldManager=you", content=body.replace("'1'", "'2'"), headers=headers)
    assert other.status_code == 409 and other.json()["details"]["causes"][0]["field"] == ".data.x"
    forced = http.patch(f"{CMS}/a?fieldManager=you&force=true", content=body.replace("'1'", "'2'"), headers=headers)
    assert forced.json()["data"] == {"x": "2"}


def test_bodies_in_yaml_and_gzip(http: httpx.Client) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: b\n"
    assert http.post(CMS, content=text, headers={"content-type": "application/yaml"}).status_code == 201
    packed = gzip.compress(json.dumps(cm("z")).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert http.post(CMS, content=packed, headers=headers).status_code == 201


def test_forms_of_answers(http: httpx.Client) -> None:
    http.post(CMS, json=cm("a", x="1"))
    table = http.get(CMS, headers={"accept": TABLE}).json()
    assert table["kind"] == "Table" and [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert table["rows"][0]["cells"][:2] == ["a", 1] and table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    partial = http.get(f"{CMS}/a", headers={"accept": METADATA}).json()
    assert partial["kind"] == "PartialObjectMetadata" and "data" not in partial
    assert http.get(f"{CMS}/a", headers={"accept": "application/yaml"}).text.startswith("apiVersion: v1\n")
    assert http.get(CMS, headers={"accept": "text/html"}).status_code == 406
    assert b'\n  "kind"' in http.get(f"{CMS}/a?pretty=true").content
    assert b'\n  "kind"' not in http.get(f"{CMS}/a").content


def test_built_in_lists_leave_out_the_items_kind(http: httpx.Client) -> None:
    http.post(CMS, json=cm("a", x="1"))
    listing = http.get(CMS).json()
    assert listing["kind"] == "ConfigMapList" and "kind" not in listing["items"][0]
    assert listing["items"][0]["metadata"]["name"] == "a"


def test_large_answers_are_compressed(http: httpx.Client) -> None:
    http.post(CMS, json=cm("big", x="x" * 300_000))
    answer = http.get(f"{CMS}/big")
    assert answer.headers["content-encoding"] == "gzip" and len(answer.json()["data"]["x"]) == 300_000


def test_warnings_and_strictness(http: httpx.Client) -> None:
    odd = {**cm("w"), "dta": {}}
    warned = http.post(CMS, json=odd)
    assert warned.status_code == 201 and warned.headers["warning"] == '299 - "unknown field \\"dta\\""'
    strict = http.post(f"{CMS}?fieldValidation=Strict", json={**odd, "metadata": {"name": "s"}})
    assert strict.status_code == 400 and "strict decoding error" in strict.json()["message"]
    assert "warning" not in http.post(f"{CMS}?fieldValidation=Ignore", json={**odd, "metadata": {"name": "i"}}).headers


def test_dry_run(http: httpx.Client) -> None:
    assert http.post(f"{CMS}?dryRun=All", json=cm("dry")).status_code == 201
    assert http.get(f"{CMS}/dry").status_code == 404
    assert http.post(f"{CMS}?dryRun=Some", json=cm("dry")).status_code == 400


def test_delete_collection(http: httpx.Client) -> None:
    for name in "abc":
        http.post(CMS, json=cm(name))
    answer = http.request("DELETE", f"{CMS}?labelSelector=n in (a,b)")
    assert {i["metadata"]["name"] for i in answer.json()["items"]} == {"a", "b"}
    assert [i["metadata"]["name"] for i in http.get(CMS).json()["items"]] == ["c"]


def test_delete_options(http: httpx.Client) -> None:
    uid = http.post(CMS, json=cm("a")).json()["metadata"]["uid"]
    wrong = http.request("DELETE", f"{CMS}/a", json={"preconditions": {"uid": "x"}})
    assert wrong.status_code == 409
    dry = http.request("DELETE", f"{CMS}/a", json={"dryRun": ["All"], "preconditions": {"uid": uid}})
    assert dry.status_code == 200 and http.get(f"{CMS}/a").status_code == 200
    odd = http.request("DELETE", f"{CMS}/a", json={"propagationPolicy": "Sideways"})
    assert odd.status_code == 422


def test_scale_and_status(http: httpx.Client) -> None:
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
    }
    base = "/apis/apps/v1/namespaces/default/deployments"
    http.post(base, json={"metadata": {"name": "d"}, "spec": spec})
    scale = http.get(f"{base}/d/scale").json()
    assert scale["kind"] == "Scale" and scale["spec"] == {"replicas": 2} and scale["status"]["selector"] == "a=b"
    put = http.put(f"{base}/d/scale", json={**scale, "spec": {"replicas": 5}})
    assert put.json()["spec"]["replicas"] == 5
    merge = {"content-type": "application/merge-patch+json"}
    patched = http.patch(f"{base}/d/scale", content='{"spec":{"replicas":1}}', headers=merge)
    assert patched.json()["spec"]["replicas"] == 1
    status = http.patch(f"{base}/d/status", content='{"spec":{"replicas":9},"status":{"replicas":3}}', headers=merge)
    assert status.json()["status"]["replicas"] == 3 and status.json()["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/nope", None, 404),
        ("GET", "/api/v2/pods", None, 404),
        ("GET", "/apis/nope.io/v1/things", None, 404),
        ("GET", f"{PODS}/x/nosuch", None, 404),
        ("GET", "/api/v1/namespaces/%2e%2e/pods", None, 404),
        ("GET", "/api/v1/pods/x", None, 404),
        ("POST", CMS, b"{", 400),
        ("POST", CMS, b"[]", 400),
        ("POST", CMS, b'{"kind":"Secret","apiVersion":"v1"}', 400),
        ("POST", CMS, b"k8s\x00garbage", 400),
        ("PUT", CMS, b"{}", 405),
        ("PATCH", f"{CMS}/a", b"{}", 415),
        ("OPTIONS", CMS, None, 405),
        ("POST", "/version", b"", 405),
        ("GET", f"{CMS}?limit=x", None, 400),
        ("GET", f"{CMS}?labelSelector=a=(", None, 400),
        ("GET", f"{CMS}?fieldSelector=data.x=1", None, 400),
        ("GET", f"{CMS}?continue=zzz", None, 400),
        ("GET", f"{CMS}?resourceVersion=abc", None, 400),
        ("GET", f"{CMS}?resourceVersion=1&resourceVersionMatch=Nearly", None, 422),
        ("GET", f"{CMS}?resourceVersionMatch=Exact", None, 422),
        ("GET", f"{CMS}?resourceVersion=999999999", None, 504),
        ("GET", f"{CMS}?watch=1&resourceVersion=x", None, 400),
        ("POST", CMS, b'{"metadata":{"name":"x"},"data":{"\\ud800":"1"}}', 400),
    ],
)
def test_bad_requests_get_a_status(http: httpx.Client, method: str, path: str, body: bytes | None, code: int) -> None:
    headers = {"content-type": "application/vnd.kubernetes.protobuf"} if body and body.startswith(b"k8s") else {}
    answer = http.request(method, path, content=body, headers=headers)
    assert answer.status_code == code, answer.text
    assert answer.json()["kind"] == "Status" and answer.json()["code"] == code


def test_bodies_have_a_limit(http: httpx.Client) -> None:
    assert http.post(CMS, content=b"x" * (MAX_BODY + 1)).status_code == 413
    chunks = (b"x" * 65536 for _ in range(60))
    assert http.post(CMS, content=chunks).status_code == 413
    bomb = gzip.compress(b"x" * (MAX_BODY * 4))
    assert http.post(CMS, content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
    assert http.get("/healthz").text == "ok"


def test_discovery(http: httpx.Client) -> None:
    assert http.get("/api").json()["versions"] == ["v1"]
    groups = {g["name"]: g for g in http.get("/apis").json()["groups"]}
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    names = {r["name"]: r for r in http.get("/apis/apps/v1").json()["resources"]}
    assert names["deployments"]["shortNames"] == ["deploy"] and names["deployments/scale"]["kind"] == "Scale"
    accept = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    modern = http.get("/apis", headers=accept).json()
    assert modern["kind"] == "APIGroupDiscoveryList" and modern["items"][0]["metadata"]["name"] == "apps"
    assert http.get("/version").json()["gitVersion"].startswith("v1.")
    assert http.get("/readyz?verbose").text.endswith("readyz check passed\n")
    assert "apiserver_request_total" in http.get("/metrics").text
    assert "/apis/apps/v1" in http.get("/").json()["paths"]


def test_openapi(http: httpx.Client) -> None:
    index = http.get("/openapi/v3").json()["paths"]
    document = http.get(index["apis/apps/v1"]["serverRelativeURL"])
    deployment = document.json()["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert deployment["x-kubernetes-group-version-kind"] == [{"group": "apps", "kind": "Deployment", "version": "v1"}]
    again = http.get("/openapi/v3/apis/apps/v1", headers={"if-none-match": document.headers["etag"]})
    assert again.status_code == 304
    assert http.get("/openapi/v2").json()["swagger"] == "2.0"
    assert http.get("/openapi/v3/apis/nope/v1").status_code == 404
