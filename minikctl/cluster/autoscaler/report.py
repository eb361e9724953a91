"""The ConfigMap kube-system/cluster-autoscaler-status: what the autoscaler sees and does. Pure but for `publish`.

Source: cluster-autoscaler `clusterstate/api/types.go`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import Client

NAME, NAMESPACE = "cluster-autoscaler-status", "kube-system"
LAST_UPDATED = "cluster-autoscaler.kubernetes.io/last-updated"


def group_status(
    name: str, size: int, ready: int, registered: int, least: int, most: int, *, growing: bool, candidates: int
) -> dict[str, Any]:
    counts = {
        "registered": {"total": registered, "ready": ready, "notStarted": registered - ready},
        "longUnregistered": 0,
        "unregistered": size - registered,
    }
    health = {
        "status": "Healthy",
        "nodeCounts": counts,
        "cloudProviderTarget": size,
        "minSize": least,
        "maxSize": most,
    }
    return {
        "name": name,
        "health": health,
        "scaleUp": {"status": "InProgress" if growing else "NoActivity"},
        "scaleDown": {"status": "CandidatesPresent" if candidates else "NoCandidates", "candidates": candidates},
    }


def status(nodes: int, ready: int, groups: list[dict[str, Any]]) -> dict[str, Any]:
    growing = any(g["scaleUp"]["status"] == "InProgress" for g in groups)
    candidates = sum(g["scaleDown"]["candidates"] for g in groups)
    unregistered = sum(g["health"]["nodeCounts"]["unregistered"] for g in groups)
    counts = {
        "registered": {"total": nodes, "ready": ready, "notStarted": nodes - ready},
        "longUnregistered": 0,
        "unregistered": unregistered,
    }
    return {
        "autoscalerStatus": "Running",
        "clusterWide": {
            "health": {"status": "Healthy", "nodeCounts": counts},
            "scaleUp": {"status": "InProgress" if growing else "NoActivity"},
            "scaleDown": {"status": "CandidatesPresent" if candidates else "NoCandidates", "candidates": candidates},
        },
        "nodeGroups": groups,
    }


def publish(client: Client, found: dict[str, Any], now: str) -> Obj:
    """Write it; the ConfigMap. Raises ApiError."""
    import yaml

    text = f"time: {now}\n{yaml.safe_dump(found, sort_keys=False)}"
    meta = {"name": NAME, "namespace": NAMESPACE, "annotations": {LAST_UPDATED: now}}
    wanted = {"metadata": meta, "data": {"status": text}}
    try:
        return client.patch("configmaps", NAME, wanted, NAMESPACE)
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        return client.create("configmaps", wanted, NAMESPACE)
