"""Which cluster a command means: the local one, always, unless the command line itself says otherwise.

An ambient KUBECONFIG or ~/.kube/config that points at production never redirects a command typed here. The local
cluster is the context `minikctl`, kept with its current namespace in `state/kubeconfig`; a file given by
`--kubeconfig` or $KUBECONFIG that holds a context for this same cluster is honoured for its namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.kubectl.command import Invocation


@dataclass
class Connection:
    """An open way to a cluster. `state_dir` is None for clusters elsewhere."""

    client: Client
    namespace: str = "default"
    context: str = "minikctl"
    state_dir: Path | None = None


def open_connection(call: Invocation) -> Connection:
    """Find the cluster, start it when it is local and this command needs it. Raises UsageError."""
    from minikctl.kubectl import kubeconfig

    target = kubeconfig.resolve(call)
    if target.state_dir is None:
        raise UsageError(
            f'context "{target.context}" does not point at a local cluster; only the local cluster can be reached yet'
        )
    client: Any = _local(target.state_dir, call)
    return Connection(client, target.namespace, target.context, target.state_dir)


def _local(state_dir: Path, call: Invocation) -> Any:
    from minikctl.client.local import LocalClient

    hook = call.env.ensure_running
    if hook is not None and call.flags.get("dry-run") not in ("client", "unchanged"):
        hook(state_dir)
    actor = "-".join(call.path.split()[:2])
    return LocalClient.on_files(state_dir, actor=actor, clock=call.env.clock)
