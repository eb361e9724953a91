"""Volumes, claims and classes as clients send them."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj

RWO, ROX, RWX = "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"


def volume(
    name: str = "pv", size: str = "5Gi", *, modes: tuple[str, ...] = (RWO,), labels: Any = None, **spec: Any
) -> Obj:
    meta: Obj = {"name": name}
    if labels:
        meta["labels"] = labels
    base: Obj = {"capacity": {"storage": size}, "accessModes": list(modes), "storageClassName": "manual"}
    source = {} if {"nfs", "csi", "local"} & set(spec) else {"hostPath": {"path": f"/data/{name}"}}
    return {"metadata": meta, "spec": {**base, **source, **spec}}


def claim(name: str = "data", size: str = "1Gi", *, modes: tuple[str, ...] = (RWO,), **spec: Any) -> Obj:
    base: Obj = {
        "accessModes": list(modes),
        "storageClassName": "manual",
        "resources": {"requests": {"storage": size}},
    }
    return {"metadata": {"name": name}, "spec": {**base, **spec}}


def storage_class(name: str = "fast", provisioner: str = "minikctl.io/hostpath", **fields: Any) -> Obj:
    return {"metadata": {"name": name}, "provisioner": provisioner, **fields}


def mounting(name: str = "web", claim_name: str = "data", node: str = "", **spec: Any) -> Obj:
    """A pod that mounts a claim."""
    given: Obj = {
        "containers": [{"name": "main", "image": "nginx:1", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}],
        **spec,
    }
    if node:
        given["nodeName"] = node
    return {"metadata": {"name": name}, "spec": given}
