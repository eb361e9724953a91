"""What the API refuses, kind by kind: one table of objects and of the server's words."""

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from tests.support.cluster import TestCluster

CLUSTER_WIDE = {
    "clusterroles",
    "clusterrolebindings",
    "priorityclasses",
    "persistentvolumes",
    "ingressclasses",
    "servicecidrs",
    "ipaddresses",
}


def create(cluster: TestCluster, resource: str, obj: dict[str, Any]) -> dict[str, Any]:
    return cluster.client.create(resource, obj, "" if resource in CLUSTER_WIDE else "default")


def named(name: str = "x", **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **parts}


RBAC = "rbac.authorization.k8s.io"
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"


def binding(kind: str = "ClusterRole", **parts: Any) -> dict[str, Any]:
    return named(roleRef={"kind": kind, "name": "view"}, **parts)


def limits(**item: Any) -> dict[str, Any]:
    return named(spec={"limits": [{"type": "Container", **item}]})


def quota(**spec: Any) -> dict[str, Any]:
    return named(spec=spec)


def claim(**spec: Any) -> dict[str, Any]:
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return named(spec={**base, **spec})


def volume(**spec: Any) -> dict[str, Any]:
    base = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/srv"}}
    return named(spec={**base, **spec})


def ingress(*paths: dict[str, Any], host: str = "shop.example.com", **spec: Any) -> dict[str, Any]:
    return named(spec={"rules": [{"host": host, "http": {"paths": list(paths)}}], **spec})


def path(text: str = "/", kind: str | None = "Prefix", **backend: Any) -> dict[str, Any]:
    service = {"service": {"name": "web", "port": {"number": 80}}}
    return {"path": text, "backend": backend or service} | ({"pathType": kind} if kind else {})


def policy(*peers: dict[str, Any], **rule: Any) -> dict[str, Any]:
    return named(spec={"podSelector": {}, "ingress": [{"from": list(peers), **rule}]})


def scaler(*metrics: dict[str, Any], **spec: Any) -> dict[str, Any]:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return named(spec={"scaleTargetRef": ref, "maxReplicas": 3, "metrics": list(metrics), **spec})


def cpu(**target: Any) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", **target}}}


REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("roles", named(rules=[{}]), ["rules[0].verbs: Required value: verbs must contain at least one value", "rules[0].apiGroups: Required value: resource rules must supply at least one api group", "rules[0].resources: Required value: resource rules must supply at least one resource"]),
    ("roles", named(rules=[{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]), ['rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs']),
    ("clusterroles", named(rules=[{**READ_PODS, "nonResourceURLs": ["/x"]}]), ["rules cannot apply to both regular resources and non-resource URLs"]),
    ("clusterroles", named(aggregationRule={}), ["aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"]),
    ("clusterroles", named("a/b", rules=[READ_PODS]), ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]),
    ("rolebindings", binding("Deployment"), ['roleRef.kind: Unsupported value: "Deployment": supported values: "Role", "ClusterRole"']),
    ("rolebindings", named(roleRef={"kind": "Role"}), ["roleRef.name: Required value"]),
    ("clusterrolebindings", binding("Role"), ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"']),
    ("clusterrolebindings", binding(subjects=[{"kind": "ServiceAccount", "name": "robot"}]), ["subjects[0].namespace: Required value"]),
    ("rolebindings", binding(subjects=[{"kind": "Robot", "name": "r2"}]), ['subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"']),
    ("rolebindings", binding(subjects=[{"kind": "User", "name": "bob", "apiGroup": "example.com"}]), [f'subjects[0].apiGroup: Unsupported value: "example.com": supported values: "{RBAC}"']),
    ("priorityclasses", named(value=1000000001), ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
    ("priorityclasses", named("system-mine", value=1), ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class"]),
    ("priorityclasses", named(value=1, preemptionPolicy="Sometimes"), ['preemptionPolicy: Unsupported value: "Sometimes": supported values: "Never", "PreemptLowerPriority"']),
    ("limitranges", limits(type="Node"), ['spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified']),
    ("limitranges", limits(min={"cpu": "2"}, max={"cpu": "1"}), ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1']),
    ("limitranges", limits(default={"cpu": "1"}, defaultRequest={"cpu": "2"}), ["default request value 2 is greater than default limit value 1"]),
    ("limitranges", limits(type="Pod", default={"cpu": "1"}), ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"]),
    ("limitranges", limits(type="PersistentVolumeClaim"), ["spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"]),
    ("limitranges", limits(maxLimitRequestRatio={"cpu": "500m"}), ["ratio 500m is less than 1"]),
    ("resourcequotas", quota(hard={"widgets": "1"}), ['spec.hard[widgets]: Invalid value: "widgets": must be a standard resource for quota']),
    ("resourcequotas", quota(hard={"pods": "500m"}), ['spec.hard[pods]: Invalid value: "500m": must be an integer']),
    ("resourcequotas", quota(hard={"requests.cpu": "-1"}), ['spec.hard[requests.cpu]: Invalid value: "-1": must be greater than or equal to 0']),
    ("resourcequotas", quota(hard={"requests.cpu": "1"}, scopes=["BestEffort"]), ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource']),
    ("resourcequotas", quota(scopes=["Terminating", "NotTerminating"]), ["conflicting scopes"]),
    ("resourcequotas", quota(scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}), ["must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"]),
    ("persistentvolumeclaims", claim(accessModes=["ReadWriteSometimes"], resources={}), ['spec.accessModes: Unsupported value: "ReadWriteSometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"', "spec.resources[storage]: Required value"]),
    ("persistentvolumeclaims", claim(accessModes=[]), ["spec.accessModes: Required value: at least 1 access mode is required"]),
    ("persistentvolumeclaims", claim(resources={"requests": {"storage": "0"}}), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
    ("persistentvolumeclaims", claim(volumeMode="Tape"), ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"']),
    ("persistentvolumeclaims", claim(accessModes=["ReadWriteOncePod", "ReadWriteOnce"]), ["may not use ReadWriteOncePod with other access modes"]),
    ("persistentvolumes", volume(hostPath=None), ["spec: Required value: must specify a volume type"]),
    ("persistentvolumes", volume(nfs={"server": "a", "path": "/b"}), ["spec.nfs: Forbidden: may not specify more than 1 volume type"]),
    ("persistentvolumes", volume(capacity={}), ["spec.capacity: Required value"]),
    ("persistentvolumes", volume(persistentVolumeReclaimPolicy="Burn"), ['spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"']),
    ("persistentvolumes", volume(hostPath=None, local={"path": "/srv"}), ["spec.nodeAffinity: Required value: Local volume requires node affinity"]),
    ("persistentvolumes", volume(hostPath={"path": "/a/../b"}), ["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"]),
    ("ingresses", named(spec={}), ["either `defaultBackend` or `rules` must be specified"]),
    ("ingresses", ingress(path("x", None), host="bad host"), [f'spec.rules[0].host: Invalid value: "bad host": {SUBDOMAIN}', "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]),
    ("ingresses", ingress(path(kind="Regex")), ['pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"']),
    ("ingresses", ingress(path("a//b")), ['path: Invalid value: "a//b": must be an absolute path', "must not contain '//'"]),
    ("ingresses", ingress(path(service={"name": "web", "port": {}})), ["backend: Required value: port name or number is required"]),
    ("ingresses", ingress(path(), host="a.*.example.com"), ["a wildcard DNS-1123 subdomain must start with '*.'"]),
    ("ingresses", ingress(path(), host="10.0.0.1"), ["must be a DNS name, not an IP address"]),
    ("ingresses", ingress(path(), tls=[{"hosts": ["A"]}]), [f'spec.tls[0].hosts[0]: Invalid value: "A": {SUBDOMAIN}']),
    ("ingressclasses", named(spec={}), ["spec.controller: Required value"]),
    ("ingressclasses", named(spec={"controller": "nginx"}), ['must be a domain-prefixed path (such as "acme.io/foo")']),
    ("networkpolicies", policy({}), ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
    ("networkpolicies", policy({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}), ["may not specify both ipBlock and another peer"]),
    ("networkpolicies", policy({"ipBlock": {"cidr": "10.0.0.0"}}), ['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']),
    ("networkpolicies", policy({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}), ["must be a strict subset of `cidr`"]),
    ("networkpolicies", policy(ports=[{"port": 80, "endPort": 70}]), ["must be greater than or equal to `port`"]),
    ("networkpolicies", policy(ports=[{"protocol": "ICMP"}]), ['protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"']),
    ("networkpolicies", named(spec={"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}), ['spec.podSelector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator']),
    ("poddisruptionbudgets", named(spec={"minAvailable": 1, "maxUnavailable": 1}), ["minAvailable and maxUnavailable cannot be both set"]),
    ("poddisruptionbudgets", named(spec={"minAvailable": "150%"}), ['spec.minAvailable: Invalid value: "150%": must not be greater than 100%']),
    ("horizontalpodautoscalers", scaler(maxReplicas=0), ["spec.maxReplicas: Invalid value: 0: must be greater than 0"]),
    ("horizontalpodautoscalers", scaler(minReplicas=4), ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]),
    ("horizontalpodautoscalers", scaler(cpu()), ["spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"]),
    ("horizontalpodautoscalers", scaler({"type": "Guess"}), ['spec.metrics[0].type: Unsupported value: "Guess"']),
    ("horizontalpodautoscalers", scaler({**cpu(averageUtilization=1), "type": "Pods"}), ["spec.metrics[0].pods: Required value: must populate information for the given metric source"]),
    ("horizontalpodautoscalers", scaler(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}]}}), ["spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero", "must be less than or equal to 1800"]),
    ("servicecidrs", named(spec={"cidrs": []}), ["spec.cidrs: Required value: at least one CIDR required"]),
    ("ipaddresses", named("10.0.0.01", spec={"parentRef": {"resource": "services", "name": "a"}}), ["must be a canonical format IP address"]),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "texts"), REFUSED)
def test_refused(cluster: TestCluster, resource: str, obj: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(ApiError) as e:
        create(cluster, resource, obj)
    assert e.value.reason == "Invalid"
    assert [text for text in texts if text not in e.value.message] == []


UNCHANGEABLE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("rolebindings", binding(), {"roleRef": {"name": "edit"}}, 'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}: cannot change roleRef'),
    ("priorityclasses", named(value=1), {"value": 2}, "value: Forbidden: may not be changed in an update."),
    ("resourcequotas", quota(scopes=["Terminating"]), {"spec": {"scopes": ["NotTerminating"]}}, 'spec.scopes: Invalid value: ["NotTerminating"]: field is immutable'),
    ("persistentvolumeclaims", claim(), {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"),
    ("persistentvolumes", volume(), {"spec": {"hostPath": {"path": "/other"}}}, "spec.persistentvolumesource is immutable after creation"),
    ("ingressclasses", named(spec={"controller": "a.example.com/x"}), {"spec": {"controller": "b.example.com/x"}}, 'spec.controller: Invalid value: "b.example.com/x": field is immutable'),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "change", "text"), UNCHANGEABLE)
def test_unchangeable(
    cluster: TestCluster, resource: str, obj: dict[str, Any], change: dict[str, Any], text: str
) -> None:
    create(cluster, resource, obj)
    with pytest.raises(ApiError) as e:
        cluster.client.patch(resource, "x", change, "" if resource in CLUSTER_WIDE else "default")
    assert text in e.value.message


DEFAULTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("rolebindings", binding(subjects=[{"kind": "User", "name": "bob"}, {"kind": "ServiceAccount", "name": "r"}]), {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "User", "apiGroup": RBAC, "name": "bob"}, {"kind": "ServiceAccount", "name": "r"}]}),
    ("priorityclasses", named(value=1), {"value": 1, "preemptionPolicy": "PreemptLowerPriority"}),
    ("limitranges", limits(max={"cpu": "1"}, min={"memory": "1Mi"}), {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "1Mi"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1", "memory": "1Mi"}}]}}),
    ("persistentvolumeclaims", claim(), {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}),
    ("networkpolicies", named(spec={"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}), {"spec": {"podSelector": {}, "egress": [{"ports": [{"protocol": "TCP", "port": 53}]}], "policyTypes": ["Ingress", "Egress"]}}),
    ("ingressclasses", named(spec={"controller": "a.example.com/x", "parameters": {"kind": "K", "name": "n"}}), {"spec": {"controller": "a.example.com/x", "parameters": {"kind": "K", "name": "n", "scope": "Cluster"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "parts"), DEFAULTED)
def test_defaulted(cluster: TestCluster, resource: str, obj: dict[str, Any], parts: dict[str, Any]) -> None:
    made = create(cluster, resource, obj)
    assert {k: v for k, v in made.items() if k not in ("apiVersion", "kind", "metadata")} == parts


def test_the_annotation_for_ingress_classes_is_warned_about_once(cluster: TestCluster) -> None:
    warnings: list[str] = []
    cluster.client.on_warning(warnings.append)
    obj = ingress(path())
    obj["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    create(cluster, "ingresses", obj)
    cluster.client.patch("ingresses", "x", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert warnings == [
        "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
    ]


@pytest.mark.parametrize(
    ("resource", "obj", "text"),
    [
        (
            "persistentvolumeclaims",
            claim(resources={"requests": {"storage": "1500m"}}),
            'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
        ),
        (
            "persistentvolumes",
            volume(persistentVolumeReclaimPolicy="Recycle"),
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning.",
        ),
    ],
)
def test_warned_about(cluster: TestCluster, resource: str, obj: dict[str, Any], text: str) -> None:
    warnings: list[str] = []
    cluster.client.on_warning(warnings.append)
    create(cluster, resource, obj)
    assert warnings == [text]


NFS = {"hostPath": None, "nfs": {"server": "a", "path": "/b"}, "claimRef": {"namespace": "shop", "name": "data"}}

ROWS: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("rolebindings", binding(subjects=[{"kind": "User", "name": "bob"}, {"kind": "User", "name": "amy"}, {"kind": "Group", "name": "dev"}, {"kind": "ServiceAccount", "name": "robot", "namespace": "default"}]), ["x", "ClusterRole/view", "AGE", "bob, amy", "dev", "default/robot"]),
    ("priorityclasses", named(value=7), ["x", 7, False, "AGE", "PreemptLowerPriority"]),
    ("persistentvolumeclaims", claim(storageClassName="slow"), ["x", "Pending", "", "", "", "slow", "<unset>", "AGE", "Filesystem"]),
    ("persistentvolumes", volume(**NFS, accessModes=["ReadOnlyMany", "ReadWriteOnce"]), ["x", "1Gi", "RWO,ROX", "Retain", "Pending", "shop/data", "", "<unset>", "", "AGE", "Filesystem"]),
    ("ingresses", ingress(path(), ingressClassName="nginx", tls=[{"hosts": ["a.b"]}]), ["x", "nginx", "shop.example.com", "", "80, 443", "AGE"]),
    ("ingresses", named(spec={"defaultBackend": {"service": {"name": "a", "port": {"name": "web"}}}}), ["x", "<none>", "*", "", "80", "AGE"]),
    ("ingressclasses", named(spec={"controller": "a.example.com/x"}), ["x", "a.example.com/x", "<none>", "AGE"]),
    ("networkpolicies", policy(), ["x", "<none>", "AGE"]),
    ("poddisruptionbudgets", named(spec={"minAvailable": "50%"}), ["x", "50%", "N/A", 0, "AGE"]),
    ("horizontalpodautoscalers", scaler(cpu(averageUtilization=60), {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}), ["x", "Deployment/web", "cpu: <unknown>/60%, memory: <unknown>/1Gi", "1", 3, 0, "AGE"]),
    ("horizontalpodautoscalers", scaler(), ["x", "Deployment/web", "cpu: <unknown>/80%", "1", 3, 0, "AGE"]),
    ("servicecidrs", named(spec={"cidrs": ["10.1.0.0/24"]}), ["x", "10.1.0.0/24", "AGE"]),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "obj", "cells"), ROWS)
def test_rows(cluster: TestCluster, resource: str, obj: dict[str, Any], cells: list[Any]) -> None:
    create(cluster, resource, obj)
    table = cluster.client.table(resource, "" if resource in CLUSTER_WIDE else "default", name="x")
    ages = [c["name"] for c in table["columnDefinitions"]]
    shown = ["AGE" if name == "Age" else cell for name, cell in zip(ages, table["rows"][0]["cells"])]
    assert shown == cells


def test_quota_rows_show_use_of_limit(cluster: TestCluster) -> None:
    create(cluster, "resourcequotas", quota(hard={"pods": "2", "limits.cpu": "1"}))
    status = {"hard": {"pods": "2", "limits.cpu": "1"}, "used": {"pods": "1"}}
    cluster.client.patch("resourcequotas", "x", {"status": status}, "default", subresource="status")
    cells = cluster.client.table("resourcequotas", "default", name="x")["rows"][0]["cells"]
    assert cells[1:3] == ["pods: 1/2", "limits.cpu: 0/1"]
