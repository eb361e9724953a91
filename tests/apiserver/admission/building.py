"""Objects that admission tests are about."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster


def container(name: str = "main", *, requests: Obj | None = None, limits: Obj | None = None, **more: Any) -> Obj:
    resources = {k: v for k, v in (("requests", requests), ("limits", limits)) if v}
    return {"name": name, "image": "nginx:1.27", **({"resources": resources} if resources else {}), **more}


def pod(name: str = "web", *containers: Obj, **spec: Any) -> Obj:
    return {"metadata": {"name": name}, "spec": {"containers": list(containers) or [container()], **spec}}


def add_quota(cluster: TestCluster, hard: Obj, name: str = "team", used: Obj | None = None, **spec: Any) -> Obj:
    """A quota as the controller leaves it when it has counted."""
    made = cluster.client.create(
        "resourcequotas", {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}, "default"
    )
    status = {"hard": hard, "used": {**dict.fromkeys(hard, "0"), **(used or {})}}
    return cluster.client.update("resourcequotas", {**made, "status": status}, subresource="status")


def used(cluster: TestCluster, name: str = "team") -> Obj:
    found: Obj = cluster.client.get("resourcequotas", name, "default")["status"]["used"]
    return found
