"""The URL of the API server that a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation


def server_address(call: Invocation) -> str:
    """`https://127.0.0.1:26443`: the local cluster's, else the one that the command line or the kubeconfig names."""
    from minikctl.client import state_dir
    from minikctl.kubectl.kubeconfig import access

    given = str(call.flags.get("server") or "")
    if given:
        return given
    directory = call.connection.state_dir
    cluster = state_dir.load(directory) if directory is not None else None
    if cluster is not None:
        return cluster.server
    config = access.of(call).start()
    context = config.contexts.get(call.connection.context) or {}
    name = str(call.flags.get("cluster") or context.get("cluster") or "")
    return str((config.clusters.get(name) or {}).get("server") or "")
