"""Objects that the tests of the command line share."""

from __future__ import annotations

from typing import Any

from tests.support.cluster import TestCluster

Obj = dict[str, Any]


def pod(name: str, image: str = "nginx", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
    }


def deployment(name: str, image: str = "nginx:1.25", replicas: int = 2, **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
            **spec,
        },
    }


def replica_set(owner: Obj, revision: int, image: str, replicas: int = 0, cause: str = "") -> Obj:
    """A ReplicaSet as the Deployment controller makes them."""
    name, meta = owner["metadata"]["name"], owner["metadata"]
    labels = {"app": name, "pod-template-hash": f"hash{revision}"}
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    if cause:
        annotations["kubernetes.io/change-cause"] = cause
    owner_reference = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": name,
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-hash{revision}",
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def with_history(cluster: TestCluster, name: str = "web") -> Obj:
    """A Deployment whose third revision is the current one; the first is gone."""
    made = cluster.client.create("deployments.apps", deployment(name, "nginx:3"), "default")
    for revision in (1, 2, 3):
        image = f"nginx:{revision}"
        cause = "to version 2" if revision == 2 else ""
        rs = replica_set(made, revision, image, 2 if revision == 3 else 0, cause)
        cluster.client.create("replicasets.apps", rs, "default")
    return made


def set_status(cluster: TestCluster, kind: str, name: str, status: Obj, namespace: str = "default") -> Obj:
    obj = cluster.client.get(kind, name, namespace)
    return cluster.client.update(kind, {**obj, "status": status}, subresource="status")
