"""Nodes without the node controller, which takes the taint not-ready off."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj
from minikctl.client import Client


def untainted(client: Client, node: dict[str, Any]) -> Obj:
    """Create a node that has no taints but those that it was given."""
    made = client.create("nodes", node)
    taints = (node.get("spec") or {}).get("taints") or None
    return client.patch("nodes", made["metadata"]["name"], {"spec": {"taints": taints}})
