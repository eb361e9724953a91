"""[sig-api-machinery] ValidatingAdmissionPolicy and MutatingAdmissionPolicy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import MERGE, Api
from tests.support.waiting import eventually

BASE = "/apis/admissionregistration.k8s.io/v1"


def policy(kind: str, name: str, label: str) -> dict:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    selector = {"matchLabels": {"e2e": label}}
    spec: dict[str, Any] = {"matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector}}
    if kind == "validating":
        spec["validations"] = [{"expression": "object.spec.replicas <= 1"}]
    else:
        patch = "Object{metadata: Object.metadata{labels: {'mutated': 'yes'}}}"
        spec |= {"mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": patch}}]}
        spec |= {"reinvocationPolicy": "IfNeeded", "failurePolicy": "Fail"}
    return {"metadata": {"name": name, "labels": {"e2e": label}}, "spec": spec}


def updated(api: Api, path: str) -> bool:
    """Replace it; False on a Conflict with whoever writes its status."""
    body = api.get(path)
    body["metadata"]["annotations"]["updated"] = "true"
    answer = api.http.put(path, json=body)
    assert answer.status_code in (200, 409), answer.text
    return answer.is_success and answer.json()["metadata"]["annotations"] == {"patched": "true", "updated": "true"}


def operations(api: Api, path: str, body: dict, label: str) -> None:
    """Create, get, list, watch, patch, update, delete, delete a collection: what every such API has."""
    names = [body["metadata"]["name"] + suffix for suffix in ("", "-2", "-3")]
    selected = {"labelSelector": f"e2e={label}"}
    for name in names:
        api.post(path, {**body, "metadata": {**body["metadata"], "name": name}}, code=201)
    one = f"{path}/{names[0]}"
    assert api.get(one)["metadata"]["uid"]
    listing = api.get(path, **selected)
    assert [i["metadata"]["name"] for i in listing["items"]] == names
    with api.watch(path, resourceVersion=listing["metadata"]["resourceVersion"], **selected) as following:
        patched = api.patch(one, {"metadata": {"annotations": {"patched": "true"}}}, MERGE)
        assert patched["metadata"]["annotations"] == {"patched": "true"}
        eventually(lambda: updated(api, one))
        seen: list[dict] = []
        while seen[-1:] != [{"patched": "true", "updated": "true"}]:  # its status may be written in between
            seen.append(following()["object"]["metadata"].get("annotations", {}))
        assert {"patched": "true"} in seen
    api.delete(one)
    api.get(one, code=404)
    api.delete(path, **selected)
    eventually(lambda: api.items(path, **selected) == [])


@pytest.mark.parametrize("kind", ["validating", "mutating"])
def test_api_operations(api: Api, unique: str, kind: str) -> None:
    group = {r["name"]: r for r in api.get(BASE)["resources"]}
    assert {f"{kind}admissionpolicies", f"{kind}admissionpolicybindings"} <= group.keys()
    operations(api, f"{BASE}/{kind}admissionpolicies", policy(kind, unique, unique), unique)
    spec = {"policyName": unique} | ({"validationActions": ["Deny"]} if kind == "validating" else {})
    binding = {"metadata": {"name": unique, "labels": {"e2e": unique}}, "spec": spec}
    operations(api, f"{BASE}/{kind}admissionpolicybindings", binding, unique)


def test_the_status_of_a_validating_policy(api: Api, unique: str) -> None:
    path = f"{BASE}/validatingadmissionpolicies"
    api.post(path, policy("validating", unique, unique))
    condition = {"type": "StatusPatched", "status": "True", "reason": "E2E", "message": "patched",
                 "lastTransitionTime": "2026-01-02T03:04:05Z"}  # fmt: skip
    patched = api.patch(f"{path}/{unique}/status", {"status": {"conditions": [condition]}}, MERGE)
    assert patched["status"]["conditions"] == [condition]
    assert api.get(f"{path}/{unique}/status")["status"]["conditions"] == [condition]
    api.delete(f"{path}/{unique}")


def deployment(name: str, replicas: int) -> dict:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def test_validating_a_deployment(api: Api, ns: str, unique: str) -> None:
    api.patch(f"/api/v1/namespaces/{ns}", {"metadata": {"labels": {"e2e": unique}}}, MERGE)
    body = policy("validating", unique, unique)
    body["spec"]["validations"] = [
        {
            "expression": "object.spec.replicas > 1",
            "messageExpression": "'wants replicas > 1, got ' + string(object.spec.replicas)",
        },
        {"expression": "namespaceObject.metadata.name == request.namespace", "message": "internal error"},
    ]
    api.post(f"{BASE}/validatingadmissionpolicies", body)
    spec = {"policyName": unique, "validationActions": ["Deny"]}
    api.post(f"{BASE}/validatingadmissionpolicybindings", {"metadata": {"name": unique}, "spec": spec})
    path = f"/apis/apps/v1/namespaces/{ns}/deployments"

    def is_enforced() -> bool:
        return api.http.post(path, json=deployment("marker", 1), params={"dryRun": "All"}).status_code == 422

    eventually(is_enforced)
    refused = api.post(path, deployment("one", 1), code=422)
    assert "wants replicas > 1, got 1" in refused["message"]
    api.post(path, deployment("two", 2), code=201)
    for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        api.delete(f"{BASE}/{kind}/{unique}")
