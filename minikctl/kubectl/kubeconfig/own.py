"""The kubeconfig of a cluster of ours, `state/kubeconfig`: context `minikctl`, and the extension that names its directory.

The extension is what lets a copy of the file, or a file it was merged into, find the cluster again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minikctl.client import state_dir as state
from minikctl.kubectl.kubeconfig.files import Config, read, write
from minikctl.util.errors import UsageError

EXTENSION = "minikctl"
CONTEXT = "minikctl"
USER = "minikctl-admin"
FILE = "kubeconfig"


def ensure(state_dir: Path) -> Path:
    """The cluster's own file, `state/kubeconfig`: written when it is missing; the server's address kept right."""
    path = state_dir / FILE
    cluster = state.load(state_dir)
    if cluster is None:
        raise UsageError(f"{state_dir} is not a state directory of minikctl")
    entry = own_entry(state_dir, cluster)
    try:
        config = read(path)
    except FileNotFoundError:
        config = Config(current_context=CONTEXT)
        config.users[USER] = {}
        config.contexts[CONTEXT] = {"cluster": CONTEXT, "user": USER}
    if config.clusters.get(CONTEXT) != entry:
        config.clusters[CONTEXT] = {**config.clusters.get(CONTEXT, {}), **entry}
        write(path, config)
    return path


def own_entry(state_dir: Path, cluster: state.Cluster) -> dict[str, Any]:
    extension = {"name": EXTENSION, "extension": {"stateDir": str(state_dir), "uid": cluster.uid}}
    return {"server": cluster.server, "extensions": [extension]}


def extension_of(cluster: Mapping[str, Any]) -> tuple[str, str]:
    """(state directory, uid) that a cluster entry names, empty for clusters that are not ours."""
    for extension in cluster.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            content = extension.get("extension") or {}
            return str(content.get("stateDir") or ""), str(content.get("uid") or "")
    return "", ""
