"""What can be switched on beyond an ordinary cluster. Each is a process that runs while it is enabled."""

from __future__ import annotations

import time
from pathlib import Path

from minikctl.client.state_dir import Cluster
from minikctl.cluster import nodes, start
from minikctl.util.errors import EnvironmentProblem, UsageError

ADDONS = {"gitops": "Applications (argoproj.io/v1alpha1) that keep the cluster as a Git repository says"}
SECONDS = 30.0


def switch(state_dir: Path, name: str, *, on: bool) -> bool:
    """Enable or disable an addon and wait until it serves; False when it was so already. Raises UsageError,
    EnvironmentProblem."""
    if name not in ADDONS:
        raise UsageError(f"no addon is called {name!r}; there are: {', '.join(ADDONS)}")
    changed = False

    def decide(cluster: Cluster) -> Cluster:
        nonlocal changed
        changed = (name in cluster.addons) != on
        kept = [a for a in cluster.addons if a != name]
        return cluster.with_(addons=[*kept, name] if on else kept)

    nodes.change(state_dir, decide)
    if on and start.is_running(state_dir):
        _wait(state_dir)
    return changed


def _wait(state_dir: Path) -> None:
    """Until the kinds of the addon are served."""
    from minikctl.api.errors import ApiError
    from minikctl.client.local import LocalClient

    client, deadline = LocalClient.on_files(state_dir, actor="minikctl-cluster"), time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                if client.kind("appprojects.argoproj.io") and client.get(
                    "appprojects.argoproj.io", "default", "argocd"
                ):
                    return
            except ApiError:
                pass
            time.sleep(0.02)
    finally:
        client.close()
    raise EnvironmentProblem(f"the addon does not come up; see `minikctl cluster logs gitops` and {state_dir}/run")
