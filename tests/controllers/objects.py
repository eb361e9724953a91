"""Small builders of objects for tests of controllers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from minikctl.api.meta import Obj, timestamp
from minikctl.util.clock import FakeClock

NOW = FakeClock().now()


def ago(seconds: float) -> str:
    return timestamp(NOW - timedelta(seconds=seconds))


def template(image: str = "nginx:1", **labels: str) -> Obj:
    return {
        "metadata": {"labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


def deployment(name: str = "web", replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Obj:
    """A Deployment as a client sends it, with the defaults that matter to the controller."""
    base: Obj = {
        "replicas": replicas,
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": {"app": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": template(image, app=name),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": base | spec,
    }


def rolling(surge: int | str, unavailable: int | str) -> Obj:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def stored_replica_set(
    name: str,
    size: int,
    *,
    available: int | None = None,
    replicas: int | None = None,
    desired: int | None = None,
    maximum: int | None = None,
    revision: int | None = None,
    age: float = 0,
    image: str = "nginx:1",
    **more: Any,
) -> Obj:
    """A ReplicaSet as it lies in the cache. available and replicas (status) default to its size."""
    annotations = {
        "deployment.kubernetes.io/desired-replicas": desired,
        "deployment.kubernetes.io/max-replicas": maximum,
        "deployment.kubernetes.io/revision": revision,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": ago(age),
            "annotations": {k: str(v) for k, v in annotations.items() if v is not None},
        },
        "spec": {"replicas": size, "template": template(image)},
        "status": {
            "replicas": size if replicas is None else replicas,
            "availableReplicas": size if available is None else available,
            "observedGeneration": 1,
        },
        **more,
    }


def replica_set(name: str = "web", replicas: int = 3, **spec: Any) -> Obj:
    """A ReplicaSet as a client sends it."""
    base: Obj = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template(app=name),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": base | spec,
    }


def pod(
    name: str,
    *,
    node: str = "node-1",
    phase: str = "Running",
    ready: float | None = 100,
    age: float = 100,
    restarts: int = 0,
    cost: str | None = None,
    labels: dict[str, str] | None = None,
    **metadata: Any,
) -> Obj:
    """A pod as it lies in the cache. ready: for how many seconds, None when it is not."""
    conditions = [{"type": "Ready", "status": "False"}]
    if ready is not None:
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": ago(ready)}]
    meta: Obj = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": ago(age)}
    if cost is not None:
        meta["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": cost}
    if labels is not None:
        meta["labels"] = labels
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta | metadata,
        "spec": {"containers": [{"name": "main"}], **({"nodeName": node} if node else {})},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"name": "main", "restartCount": restarts}],
        },
    }


def service(name_: str = "web", **spec: Any) -> Obj:
    base: Obj = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name_}, "spec": base | spec}
