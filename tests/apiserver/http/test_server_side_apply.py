"""Server-side apply over HTTP: the corners. Source: KEP-555, apimachinery `util/managedfields`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from minikctl.api.meta import Obj

WEB = "/apis/apps/v1/namespaces/default/deployments/web"
CM = "/api/v1/namespaces/default/configmaps/x"
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def web(replicas: int | None = None, *containers: Obj, **spec: Any) -> Obj:
    labels = {"app": "web"}
    found = [*containers] or [{"name": "c", "image": "i"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": found}}
    body = {"selector": {"matchLabels": labels}, "template": template, **spec}
    if replicas is not None:
        body["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": body}


def cm(metadata: Obj | None = None, **parts: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", **(metadata or {})}, **parts}


def apply(http: httpx.Client, path: str, body: Any, who: str = "me", **query: str) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return http.patch(path, params={"fieldManager": who, **query}, content=content, headers=APPLY)


def owners(answer: httpx.Response, *path: str) -> dict[tuple[str, str, str], Any]:
    """(manager, operation, subresource) → its fields below a path, for those who have some."""
    out = {}
    for entry in answer.json()["metadata"].get("managedFields") or []:
        part: Any = entry["fieldsV1"]
        for step in path:
            part = part.get(step) if isinstance(part, dict) else None
        if part is not None:
            out[entry["manager"], entry["operation"], entry.get("subresource", "")] = part
    return out


def test_scaling_takes_the_replicas_away(http: httpx.Client) -> None:
    apply(http, WEB, web(2))
    http.patch(f"{WEB}/scale", params={"fieldManager": "hpa"}, json={"spec": {"replicas": 5}}, headers=MERGE)
    assert owners(http.get(WEB), "f:spec", "f:replicas") == {("hpa", "Update", "scale"): {}}
    refused = apply(http, WEB, web(2))
    assert refused.status_code == 409
    assert refused.json()["message"] == (
        'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert apply(http, WEB, web()).json()["spec"]["replicas"] == 5
    assert apply(http, WEB, web(2), force="true").json()["spec"]["replicas"] == 2


def test_scales_are_applied(http: httpx.Client) -> None:
    apply(http, WEB, web(2))
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 7}}
    refused = apply(http, f"{WEB}/scale", scale, "scaler")
    assert refused.status_code == 409 and "Apply failed with 1 conflict" in refused.json()["message"]
    done = apply(http, f"{WEB}/scale", scale, "scaler", force="true")
    assert done.json()["kind"] == "Scale" and done.json()["spec"] == {"replicas": 7}
    assert owners(http.get(WEB), "f:spec", "f:replicas") == {("scaler", "Apply", "scale"): {}}
    assert apply(http, f"{WEB}/scale", web(1), "scaler").status_code == 400
    assert apply(http, WEB.replace("web", "nope") + "/scale", {**scale, "metadata": {}}, "scaler").status_code == 404


def test_the_status_is_applied_through_its_own_door(http: httpx.Client) -> None:
    apply(http, WEB, web(2))
    both = {**web(9), "status": {"replicas": 3}}
    status = apply(http, f"{WEB}/status", both, "controller")
    assert (status.json()["spec"]["replicas"], status.json()["status"]["replicas"]) == (2, 3)
    assert owners(status, "f:status") == {("controller", "Apply", "status"): {"f:replicas": {}}}
    assert owners(status, "f:spec", "f:replicas") == {("me", "Apply", ""): {}}
    main = apply(http, WEB, {**web(2), "status": {"replicas": 8}})
    assert main.json()["status"]["replicas"] == 3 and ("me", "Apply", "") not in owners(main, "f:status")


@pytest.mark.parametrize(
    ("metadata", "code", "text"),
    [
        ({"resourceVersion": "1"}, 409, "the object has been modified; please apply your changes to the latest version and try again"),
        ({"uid": "1"}, 409, "Precondition failed: UID in precondition: 1, UID in object meta: "),
        ({"namespace": "other"}, 400, "the namespace of the provided object does not match the namespace sent on the request"),
        ({"name": "other"}, 400, "the name of the object (other) does not match the name on the URL (web)"),
        ({"managedFields": [{}]}, 400, "metadata.managedFields must be nil"),
    ],
)  # fmt: skip
def test_what_must_fit(http: httpx.Client, metadata: Obj, code: int, text: str) -> None:
    apply(http, WEB, web())
    body = web()
    refused = apply(http, WEB, {**body, "metadata": {**body["metadata"], **metadata}})
    assert refused.status_code == code and text in refused.json()["message"]


def test_new_objects_have_no_past(http: httpx.Client) -> None:
    assert apply(http, CM, cm({"resourceVersion": "5"})).status_code == 404
    uid = apply(http, CM, cm({"uid": "5"}))
    assert uid.status_code == 409 and "uid mismatch: the provided object specified uid 5" in uid.json()["message"]
    assert http.get(CM).status_code == 404


def test_fields_that_the_type_does_not_have(http: httpx.Client) -> None:
    """Kubernetes answers without a reason here, whatever fieldValidation says."""
    one = apply(http, WEB, web(None, {"name": "c", "image": "i", "imge": "j"}), fieldValidation="Ignore")
    assert one.status_code == 422 and "reason" not in one.json()
    start = "failed to create typed patch object (/web; apps/v1, Kind=Deployment): "
    shown = '.spec.template.spec.containers[name="c"].imge: field not declared in schema'
    assert one.json()["message"] == start + shown
    two = apply(http, CM, cm({"labls": {}}, nope=1))
    lines = two.json()["message"].split("\n")
    assert lines[0].endswith("(/x; /v1, Kind=ConfigMap): errors:") and len(lines) == 3


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[]", "an apply patch must be an object"),
        ("", "an apply patch must be an object"),
        ("a: b\n---\nc: d\n", "error decoding YAML: expected a single document"),
        ("a: [", "error decoding YAML: "),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "apiVersion must be 'v1'"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", "cannot be handled as a ConfigMap"),
    ],
)
def test_bodies_that_are_none(http: httpx.Client, body: str, text: str) -> None:
    refused = apply(http, CM, body)
    assert refused.status_code == 400 and text in refused.json()["message"]
    assert "\n" not in refused.json()["message"]


def test_lists_of_several_hands(http: httpx.Client) -> None:
    """Items by key, with a key's default; sets by value; what nobody applies any more goes."""
    port: Obj = {"containerPort": 53}
    first = web(None, {"name": "c", "image": "i", "ports": [port, {**port, "protocol": "UDP"}]})
    made = apply(http, WEB, first)
    assert len(made.json()["spec"]["template"]["spec"]["containers"][0]["ports"]) == 2
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}}
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    both = apply(http, WEB, {**head, **side}, "injector")
    assert [c["name"] for c in both.json()["spec"]["template"]["spec"]["containers"]] == ["c", "side"]
    less = apply(http, WEB, web(None, {"name": "c", "image": "i", "ports": [port]}))
    assert less.json()["spec"]["template"]["spec"]["containers"][0]["ports"] == [{**port, "protocol": "TCP"}]
    gone = apply(http, WEB, head, "injector")
    assert [c["name"] for c in gone.json()["spec"]["template"]["spec"]["containers"]] == ["c"]
    apply(http, CM, cm({"finalizers": ["a/b"]}))
    assert apply(http, CM, cm({"finalizers": ["c/d"]}), "you").json()["metadata"]["finalizers"] == ["a/b", "c/d"]
    assert apply(http, CM, cm(), "you").json()["metadata"]["finalizers"] == ["a/b"]
    http.patch(CM, json={"metadata": {"finalizers": None}}, headers=MERGE)


def test_atomic_lists_have_one_owner(http: httpx.Client) -> None:
    apply(http, WEB, web(None, {"name": "c", "image": "i", "args": ["a", "b"]}))
    other = web(None, {"name": "c", "image": "i", "args": ["a", "c"]})
    refused = apply(http, WEB, other, "you")
    assert refused.json()["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "me"',
            "field": '.spec.template.spec.containers[name="c"].args',
        }
    ]
    apply(http, WEB, other, "you", force="true")
    key = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"c"}', "f:args")
    assert owners(http.get(WEB), *key) == {("you", "Apply", ""): {}}


def test_shared_fields_stay_until_the_last_lets_go(http: httpx.Client) -> None:
    for who in ("me", "you"):
        assert apply(http, CM, cm(data={"a": "1"}), who).status_code in (200, 201)
    assert apply(http, CM, cm(), "me").json()["data"] == {"a": "1"}
    assert not apply(http, CM, cm(), "you").json().get("data")


def test_starting_afresh(http: httpx.Client) -> None:
    apply(http, CM, cm(data={"a": "1"}))
    found = http.get(CM).json()
    cleared = http.put(CM, json={**found, "metadata": {**found["metadata"], "managedFields": [{}]}})
    assert not cleared.json()["metadata"].get("managedFields")
    refused = apply(http, CM, cm(data={"a": "2"}), "new")
    assert 'conflict with "before-first-apply" using v1: .data.a' in refused.json()["message"]


def test_one_name_in_two_ways(http: httpx.Client) -> None:
    """What a manager updates is not what it applies."""
    apply(http, CM, cm(data={"a": "1"}))
    http.patch(CM, params={"fieldManager": "me"}, json={"data": {"b": "2"}}, headers=MERGE)
    found = owners(http.get(CM), "f:data")
    assert found == {("me", "Apply", ""): {"f:a": {}}, ("me", "Update", ""): {"f:b": {}}}
    assert apply(http, CM, cm()).json()["data"] == {"b": "2"}


def test_a_dry_run_of_everything(http: httpx.Client) -> None:
    made = apply(http, WEB, web(2), dryRun="All")
    assert made.status_code == 201 and made.json()["metadata"]["uid"] and http.get(WEB).status_code == 404
    apply(http, WEB, web(2))
    before = http.get(WEB).json()
    changed = apply(http, WEB, web(3), dryRun="All")
    assert changed.json()["spec"]["replicas"] == 3 and http.get(WEB).json() == before


def test_invalid_results_are_refused(http: httpx.Client) -> None:
    apply(http, WEB, web(2))
    refused = apply(http, WEB, web(-1))
    assert refused.status_code == 422 and "spec.replicas: Invalid value: -1" in refused.json()["message"]
    assert http.get(WEB).json()["spec"]["replicas"] == 2
