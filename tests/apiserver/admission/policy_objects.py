"""Admission policies and bindings for tests."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster

RULE: Obj = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"], "operations": ["CREATE", "UPDATE"]}  # fmt: skip


def add(cluster: TestCluster, kind: str, policy: Obj, binding: Obj | None = None, name: str = "p") -> None:
    """A policy and, unless there is none, its binding. kind: validating or mutating."""
    spec = {"matchConstraints": {"resourceRules": [RULE]}, **policy}
    base: Obj = {"policyName": name}
    if kind == "validating":
        base["validationActions"] = ["Deny"]
    else:
        spec.setdefault("reinvocationPolicy", "Never")
    group = "admissionregistration.k8s.io"
    cluster.client.create(f"{kind}admissionpolicies.{group}", {"metadata": {"name": name}, "spec": spec})
    if binding is not None:
        bound = {"metadata": {"name": f"{name}-b"}, "spec": {**base, **binding}}
        cluster.client.create(f"{kind}admissionpolicybindings.{group}", bound)


def deployment(replicas: int = 1, name: str = "web", **labels: str) -> Obj:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def create(cluster: TestCluster, *args: Any, **kwargs: Any) -> Obj:
    return cluster.client.create("deployments.apps", deployment(*args, **kwargs), "default")


def refusal(cluster: TestCluster, *args: Any, **kwargs: Any) -> ApiError:
    try:
        create(cluster, *args, **kwargs)
    except ApiError as e:
        return e
    raise AssertionError("the request went through")
