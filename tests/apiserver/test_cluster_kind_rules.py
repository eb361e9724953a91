"""What the API refuses, fills in and shows of the kinds that administrators and operators write."""

import base64
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from tests.support.certificates import asked
from tests.support.cluster import TestCluster


def named(name: str = "x", **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **parts}


def storage_class(**parts: Any) -> dict[str, Any]:
    return named(provisioner="example.com/nfs", **parts)


REQUEST = asked("somebody")


def csr(**spec: Any) -> dict[str, Any]:
    base = {"request": REQUEST, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    return named(spec={**base, **spec})


EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}


def webhook(**parts: Any) -> dict[str, Any]:
    base = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://example.com/check"},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [EVERYTHING],
    }
    return named(webhooks=[{**base, **parts}])


def policy(**spec: Any) -> dict[str, Any]:
    base = {"matchConstraints": {"resourceRules": [EVERYTHING]}, "validations": [{"expression": "true"}]}
    return named(spec={**base, **spec})


def policy_binding(**spec: Any) -> dict[str, Any]:
    return named(spec={"policyName": "p", "validationActions": ["Deny"], **spec})


def definition(name: str = "tabs.example.com", version: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    names = {"plural": "tabs", "kind": "Tab"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema, **(version or {})}]
    return named(
        name, spec={"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions, **spec}
    )


def api_service(name: str = "v1.example.com", **spec: Any) -> dict[str, Any]:
    base = {"group": "example.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    return named(name, spec={**base, **spec})


def level(**limited: Any) -> dict[str, Any]:
    return named(spec={"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}, **limited}})


REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("storageclasses", named(), ["provisioner: Required value"]),
    ("storageclasses", storage_class(reclaimPolicy="Recycle"), ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"']),
    ("storageclasses", storage_class(volumeBindingMode="Late"), ['volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"']),
    ("volumeattachments", named(spec={"attacher": "a.b", "nodeName": "n", "source": {}}), ["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]),
    ("csidrivers", named(spec={"volumeLifecycleModes": ["Eternal"]}), ['spec.volumeLifecycleModes: Unsupported value: "Eternal": supported values: "Ephemeral", "Persistent"']),
    ("csinodes", named(spec={"drivers": [{"name": "d", "nodeID": "", "topologyKeys": None}]}), ["spec.drivers[0].nodeID: Required value"]),
    ("volumeattributesclasses", named(driverName="d"), ["parameters: Required value: must contain at least one key/value pair"]),
    ("runtimeclasses", named(handler="A"), ['handler: Invalid value: "A": a lowercase RFC 1123 label']),
    ("certificatesigningrequests", csr(request=base64.b64encode(b"x").decode()), ["unable to parse request: PEM block type must be CERTIFICATE REQUEST"]),
    ("certificatesigningrequests", csr(usages=[]), ["spec.usages: Required value"]),
    ("certificatesigningrequests", csr(usages=["flying"]), ['spec.usages[0]: Unsupported value: "flying": supported values: "any", "cert sign"']),
    ("certificatesigningrequests", csr(signerName="nobody"), ["must be a fully qualified domain and path of the form 'example.com/signer-name'"]),
    ("certificatesigningrequests", csr(expirationSeconds=60), ["spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)"]),
    ("validatingwebhookconfigurations", webhook(name="short"), ['webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots']),
    ("validatingwebhookconfigurations", webhook(clientConfig={}), ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]),
    ("validatingwebhookconfigurations", webhook(clientConfig={"url": "http://u:p@example.com/?a#b"}), ["'https' is the only allowed URL scheme; desired format: https://host[/path]", "user information is not permitted in the URL", "fragments are not permitted in the URL", "query parameters are not permitted in the URL"]),
    ("mutatingwebhookconfigurations", webhook(sideEffects=None), ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
    ("mutatingwebhookconfigurations", webhook(timeoutSeconds=31), ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"]),
    ("mutatingwebhookconfigurations", webhook(admissionReviewVersions=["v2"]), ["must include at least one of v1, v1beta1"]),
    ("mutatingwebhookconfigurations", webhook(rules=[{**EVERYTHING, "operations": ["*", "CREATE"]}]), ["if '*' is present, must not specify other operations"]),
    ("validatingadmissionpolicies", policy(matchConstraints=None), ["spec.matchConstraints: Required value"]),
    ("validatingadmissionpolicies", policy(validations=[]), ["spec.validations: Required value: validations or auditAnnotations must contain at least one item"]),
    ("validatingadmissionpolicies", policy(validations=[{"expression": " "}]), ["spec.validations[0].expression: Required value: expression is not specified"]),
    ("validatingadmissionpolicybindings", policy_binding(validationActions=["Deny", "Warn"]), ["must not contain both Deny and Warn"]),
    ("validatingadmissionpolicybindings", policy_binding(policyName=""), ["spec.policyName: Required value"]),
    ("mutatingadmissionpolicies", policy(mutations=[{"patchType": "JSONPatch"}], reinvocationPolicy="Never", validations=None), ["spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"]),
    ("customresourcedefinitions", definition("other.example.com"), ['metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group']),
    ("customresourcedefinitions", definition(scope="World"), ['spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"']),
    ("customresourcedefinitions", definition(version={"schema": None}), ["spec.versions[0].schema.openAPIV3Schema: Required value"]),
    ("customresourcedefinitions", definition(version={"storage": False}), ["must have exactly one version marked as storage version"]),
    ("customresourcedefinitions", definition(version={"name": "1"}), ['spec.versions[0].name: Invalid value: "1": a DNS-1035 label']),
    ("customresourcedefinitions", definition(version={"schema": {"openAPIV3Schema": {"type": "string"}}}), ["must be object at the root"]),
    ("customresourcedefinitions", definition(version={"additionalPrinterColumns": [{"name": "A", "type": "text", "jsonPath": ".a"}]}), ["must be one of boolean,date,integer,number,string"]),
    ("customresourcedefinitions", definition(version={"subresources": {"scale": {"specReplicasPath": ".replicas", "statusReplicasPath": ".status.replicas"}}}), ["should be a json path under .spec"]),
    ("customresourcedefinitions", definition("tabs.x.k8s.io", group="x.k8s.io"), ['protected groups must have approval annotation "api-approved.kubernetes.io"']),
    ("apiservices", api_service("wrong"), ['metadata.name: Invalid value: "wrong": must be `spec.version+"."+spec.group`: "v1.example.com"']),
    ("apiservices", api_service(versionPriority=0), ["spec.versionPriority: Invalid value: 0: must be positive and less than 1000"]),
    ("apiservices", api_service(service={"name": "a"}), ["spec.service.namespace: Required value"]),
    ("flowschemas", named(spec={"priorityLevelConfiguration": {"name": ""}}), ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"]),
    ("prioritylevelconfigurations", level(limitResponse={"type": "Queue", "queuing": {"queues": 2, "handSize": 3}}), ["should not be greater than queues (2)"]),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "texts"), REFUSED)
def test_refused(cluster: TestCluster, resource: str, obj: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create(resource, obj)
    assert e.value.reason == "Invalid"
    assert [text for text in texts if text not in e.value.message] == []


UNCHANGEABLE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("storageclasses", storage_class(), {"provisioner": "example.com/other"}, "provisioner: Forbidden: updates to provisioner are forbidden."),
    ("storageclasses", storage_class(), {"volumeBindingMode": "WaitForFirstConsumer"}, 'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable'),
    ("runtimeclasses", named(handler="a"), {"handler": "b"}, 'handler: Invalid value: "b": field is immutable'),
    ("volumeattributesclasses", named(driverName="d", parameters={"a": "b"}), {"parameters": {"a": "c"}}, "parameters: Forbidden: updates to parameters are forbidden."),
    ("csidrivers", named(), {"spec": {"attachRequired": False}}, "spec.attachRequired: Invalid value: false: field is immutable"),
    ("customresourcedefinitions", definition(), {"spec": {"group": "example.org"}}, 'spec.group: Invalid value: "example.org": field is immutable'),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "change", "text"), UNCHANGEABLE)
def test_unchangeable(
    cluster: TestCluster, resource: str, obj: dict[str, Any], change: dict[str, Any], text: str
) -> None:
    made = cluster.client.create(resource, obj)
    with pytest.raises(ApiError) as e:
        cluster.client.patch(resource, made["metadata"]["name"], change)
    assert text in e.value.message


def test_a_request_for_a_certificate_names_who_asks_and_stays_as_it_is(cluster: TestCluster) -> None:
    made = cluster.client.create("csr", csr(username="somebody-else"))
    assert made["spec"]["username"] == "kubernetes-admin" and "system:masters" in made["spec"]["groups"]
    after = cluster.client.patch("csr", "x", {"spec": {"signerName": "example.com/other"}})
    assert after["spec"] == made["spec"]
    found = cluster.client.list("csr", field_selector="spec.signerName=kubernetes.io/kube-apiserver-client")
    assert len(found["items"]) == 1


def test_a_definition_notes_its_storage_versions(cluster: TestCluster) -> None:
    made = cluster.client.create("crd", definition())
    assert made["spec"]["names"] == {"plural": "tabs", "singular": "tab", "kind": "Tab", "listKind": "TabList"}
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["storedVersions"] == ["v1"]
    made = cluster.client.get("crd", "tabs.example.com")  # its conditions have been written meanwhile
    old, new = {**made["spec"]["versions"][0], "storage": False}, {**made["spec"]["versions"][0], "name": "v2"}
    after = cluster.client.update("crd", {**made, "spec": {**made["spec"], "versions": [old, new]}})
    assert after["status"]["storedVersions"] == ["v1", "v2"] and after["metadata"]["generation"] == 2


def test_webhook_defaults(cluster: TestCluster) -> None:
    obj = webhook(clientConfig={"service": {"name": "a", "namespace": "b"}})
    (made,) = cluster.client.create("mutatingwebhookconfigurations", obj)["webhooks"]
    assert made["clientConfig"]["service"]["port"] == 443 and made["rules"][0]["scope"] == "*"
    assert {k: made[k] for k in ("failurePolicy", "matchPolicy", "timeoutSeconds", "reinvocationPolicy")} == {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "timeoutSeconds": 10,
        "reinvocationPolicy": "Never",
    }


DEFAULT_CLASS = {"name": "x", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}

ROWS: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("storageclasses", {**storage_class(), "metadata": DEFAULT_CLASS}, ["x (default)", "example.com/nfs", "Delete", "Immediate", False, "AGE"]),
    ("volumeattachments", named(spec={"attacher": "d.example.com", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}), ["x", "d.example.com", "pv", "n", False, "AGE"]),
    ("csidrivers", named(spec={"tokenRequests": [{"audience": "a"}, {"audience": "b"}]}), ["x", True, False, False, "a,b", False, "Persistent", "AGE"]),
    ("csinodes", named(spec={"drivers": [{"name": "d", "nodeID": "1", "topologyKeys": None}]}), ["x", 1, "AGE"]),
    ("volumeattributesclasses", named(driverName="d", parameters={"a": "b"}), ["x", "d", "AGE"]),
    ("runtimeclasses", named(handler="runc"), ["x", "runc", "AGE"]),
    ("certificatesigningrequests", csr(expirationSeconds=7200), ["x", "AGE", "kubernetes.io/kube-apiserver-client", "kubernetes-admin", "120m", "Pending"]),
    ("validatingwebhookconfigurations", webhook(), ["x", 1, "AGE"]),
    ("mutatingwebhookconfigurations", webhook(), ["x", 1, "AGE"]),
    ("validatingadmissionpolicies", policy(paramKind={"apiVersion": "v1", "kind": "ConfigMap"}), ["x", 1, "v1/ConfigMap", "AGE"]),
    ("validatingadmissionpolicybindings", policy_binding(paramRef={"name": "n", "namespace": "ns", "parameterNotFoundAction": "Deny"}), ["x", "p", "ns/n", "AGE"]),
    ("apiservices", api_service(), ["v1.example.com", "Local", "Unknown", "AGE"]),
    ("flowschemas", named(spec={"priorityLevelConfiguration": {"name": "low"}}), ["x", "low", 1000, "<none>", "AGE", "?"]),
    ("prioritylevelconfigurations", level(), ["x", "Limited", 30, "<none>", "<none>", "<none>", "AGE"]),
    ("prioritylevelconfigurations", level(limitResponse={"type": "Queue", "queuing": {}}), ["x", "Limited", 30, 64, 8, 50, "AGE"]),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "cells"), ROWS)
def test_rows(cluster: TestCluster, resource: str, obj: dict[str, Any], cells: list[Any]) -> None:
    made = cluster.client.create(resource, obj)
    table = cluster.client.table(resource, name=made["metadata"]["name"])
    titles = [c["name"] for c in table["columnDefinitions"]]
    shown = ["AGE" if title == "Age" else cell for title, cell in zip(titles, table["rows"][0]["cells"])]
    assert shown == cells
