"""A cluster with something of everything in it, two days old, for tests that compare what two programs read.

Real controllers and a fake kubelet fill it under a clock that stands two days back: ages are the same for everybody
who looks within the hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.controllers.deployment import CONTROLLER as DEPLOYMENTS
from minikctl.controllers.replica_set import CONTROLLER as REPLICA_SETS
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import FakeKubelet

AGE = timedelta(hours=50, minutes=15)


def populate(root: Path) -> None:
    """Fill a new state directory."""
    cluster = TestCluster(root, clock=FakeClock(datetime.now(UTC).replace(microsecond=0) - AGE))
    plane = ControlPlane(cluster, [DEPLOYMENTS, REPLICA_SETS], kubelet=FakeKubelet(cluster.client))
    for kind, namespace, obj in OBJECTS:
        cluster.client.create(kind, obj, namespace)
    plane.settle()
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:1.28"}]
    cluster.client.patch("deployments.apps", "web", image, "default", patch_type="json")
    plane.settle()
    for kind, namespace, name, status in STATUSES:
        found = cluster.client.get(kind, name, namespace)
        cluster.client.update(kind, {**found, "status": status}, subresource="status")
    cluster.close()


def _meta(name: str, **more: object) -> Obj:
    return {"name": name, **more}


def _template(app: str, image: str, **spec: object) -> Obj:
    container: Obj = {
        "name": app,
        "image": image,
        "ports": [{"name": "http", "containerPort": 80}],
        "env": [{"name": "MODE", "value": "test"}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
    }
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container], **spec}}


def _deployment(app: str, image: str, replicas: int, **spec: object) -> Obj:
    selector = {"matchLabels": {"app": app}}
    return {
        "metadata": _meta(app, labels={"app": app, "tier": "front"}, annotations={"note": "two\nlines"}),
        "spec": {"replicas": replicas, "selector": selector, "template": _template(app, image), **spec},
    }


_POD: Obj = {
    "metadata": _meta("solo", labels={"run": "solo"}),
    "spec": {
        "containers": [
            {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 3600"]},
            {"name": "side", "image": "redis:7", "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        ],
        "initContainers": [{"name": "setup", "image": "busybox", "args": ["true"]}],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "conf", "configMap": {"name": "settings"}},
            {"name": "key", "secret": {"secretName": "login"}},
        ],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "x", "effect": "NoSchedule"}],
    },
}
_SERVICE: Obj = {
    "metadata": _meta("web", labels={"app": "web"}),
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
}
_JOB_SPEC: Obj = {
    "template": {"spec": {"containers": [{"name": "j", "image": "perl:5"}], "restartPolicy": "Never"}},
    "completions": 3,
    "parallelism": 2,
}
_RULES: Obj = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}
_REF: Obj = {"apiGroup": "rbac.authorization.k8s.io"}

OBJECTS: list[tuple[str, str, Obj]] = [
    ("namespaces", "", {"metadata": _meta("team", labels={"team": "a"})}),
    ("configmaps", "default", {"metadata": _meta("settings", labels={"app": "web"}), "data": {"a": "1", "long.txt": "one\ntwo\n"}}),
    ("configmaps", "default", {"metadata": _meta("binary"), "binaryData": {"x": "AAEC"}}),
    ("configmaps", "team", {"metadata": _meta("settings"), "data": {"a": "2"}}),
    ("secrets", "default", {"metadata": _meta("login"), "type": "Opaque", "data": {"user": "YWRtaW4=", "pass": "c2VjcmV0"}}),
    ("serviceaccounts", "default", {"metadata": _meta("robot")}),
    ("serviceaccounts", "team", {"metadata": _meta("default")}),
    ("priorityclasses", "", {"metadata": _meta("high"), "value": 1000, "description": "first"}),
    ("storageclasses", "", {"metadata": _meta("fast"), "provisioner": "example.com/fast"}),
    ("persistentvolumes", "", {"metadata": _meta("disk"), "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp/x"}, "storageClassName": "fast"}}),
    ("persistentvolumeclaims", "default", {"metadata": _meta("claim"), "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"}}),
    ("resourcequotas", "team", {"metadata": _meta("quota"), "spec": {"hard": {"services": "10", "configmaps": "20"}}}),
    ("limitranges", "team", {"metadata": _meta("limits"), "spec": {"limits": [{"type": "Container", "default": {"cpu": "200m"}, "defaultRequest": {"cpu": "100m"}}]}}),
    ("roles", "default", {"metadata": _meta("reader"), **_RULES}),
    ("rolebindings", "default", {"metadata": _meta("readers"), "roleRef": {**_REF, "kind": "Role", "name": "reader"}, "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}, {**_REF, "kind": "User", "name": "ann"}]}),
    ("clusterroles", "", {"metadata": _meta("pod-reader"), **_RULES}),
    ("clusterrolebindings", "", {"metadata": _meta("all-read"), "roleRef": {**_REF, "kind": "ClusterRole", "name": "pod-reader"}, "subjects": [{**_REF, "kind": "Group", "name": "readers"}]}),
    ("deployments.apps", "default", _deployment("web", "nginx:1.27", 3)),
    ("deployments.apps", "team", _deployment("api", "httpd:2.4", 2, strategy={"type": "Recreate"})),
    ("pods", "default", _POD),
    ("services", "default", _SERVICE),
    ("services", "default", {"metadata": _meta("outside"), "spec": {"type": "ExternalName", "externalName": "example.com"}}),
    ("services", "default", {"metadata": _meta("node"), "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "nodePort": 30080}]}}),
    ("services", "team", {"metadata": _meta("headless"), "spec": {"clusterIP": "None", "selector": {"app": "api"}, "ports": [{"port": 80}]}}),
    ("ingresses.networking.k8s.io", "default", {"metadata": _meta("front"), "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
    ("networkpolicies", "default", {"metadata": _meta("deny"), "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
    ("poddisruptionbudgets", "default", {"metadata": _meta("web"), "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
    ("horizontalpodautoscalers", "default", {"metadata": _meta("web"), "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}}),
    ("jobs.batch", "default", {"metadata": _meta("pi"), "spec": _JOB_SPEC}),
    ("cronjobs.batch", "default", {"metadata": _meta("nightly"), "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": _JOB_SPEC}}}),
    ("statefulsets.apps", "default", {"metadata": _meta("db", labels={"app": "db"}), "spec": {"serviceName": "db", "replicas": 2, "selector": {"matchLabels": {"app": "db"}}, "template": _template("db", "postgres:16"), "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}),
    ("daemonsets.apps", "default", {"metadata": _meta("agent"), "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": _template("agent", "fluentd:v1")}}),
    ("leases.coordination.k8s.io", "kube-node-lease", {"metadata": _meta("node-1"), "spec": {"holderIdentity": "node-1", "leaseDurationSeconds": 40}}),
]  # fmt: skip
"""(resource, namespace, object), in the order they are made."""

STATUSES: list[tuple[str, str, str, Obj]] = [
    ("jobs.batch", "default", "pi", {"active": 1, "ready": 1, "succeeded": 1, "startTime": "2026-11-01T00:00:00Z", "uncountedTerminatedPods": {}}),
    ("statefulsets.apps", "default", "db", {"replicas": 2, "readyReplicas": 1, "currentReplicas": 2, "updatedReplicas": 2, "availableReplicas": 1, "observedGeneration": 1, "collisionCount": 0, "currentRevision": "db-1", "updateRevision": "db-1"}),
]  # fmt: skip
"""(resource, namespace, name, status): for what no controller of ours looks after here."""
