"""Which cluster a command means: the local one, always, unless the command line itself says otherwise.

An ambient KUBECONFIG or ~/.kube/config that points at production never redirects a command typed here. The local
cluster is the context `minikctl`, kept with its current namespace in `state/kubeconfig`; a file given by
`--kubeconfig` or $KUBECONFIG that holds a context for this same cluster is honoured for its namespace.

There are two doors to a cluster: its files, when it is ours, and HTTPS for all others. Who can write the files is the
administrator: a command as somebody else (another user of the kubeconfig, --token, --client-certificate, …) takes the
second to a cluster of ours, too, and so does everything with $MINIKCTL_DOOR=http. The answers are the same, which the
differential tests hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.client.http import Endpoint
    from minikctl.client.http.transport import Transport
    from minikctl.kubectl.command import Invocation
    from minikctl.kubectl.kubeconfig import Target


@dataclass
class Connection:
    """An open way to a cluster. `state_dir` is None for clusters elsewhere."""

    client: Client
    namespace: str = "default"
    context: str = "minikctl"
    state_dir: Path | None = None


DOOR = "MINIKCTL_DOOR"
CREDENTIALS = ("token", "client-certificate", "client-key", "username", "password")


def open_connection(call: Invocation) -> Connection:
    """Find the cluster, start it when it is local and this command needs it. Raises UsageError."""
    from minikctl.kubectl import kubeconfig

    target = kubeconfig.resolve(call)
    if target.state_dir is None:
        return Connection(_remote(target, call), target.namespace, target.context)
    _start(target.state_dir, call)
    if call.env.environ.get(DOOR) == "http" or _is_somebody_else(target, call):
        client = _remote(_served(target.state_dir, target, call), call)
    else:
        client = _local(target.state_dir, call)
    return Connection(client, target.namespace, target.context, target.state_dir)


def open_transport(call: Invocation) -> Transport:
    """The bare way over HTTP, to a cluster of ours too: for commands that hand it on (`proxy`). Raises UsageError."""
    from minikctl.client.http.client import agent
    from minikctl.client.http.transport import Transport
    from minikctl.kubectl import kubeconfig

    target = kubeconfig.resolve(call)
    if target.state_dir is not None:
        _start(target.state_dir, call)
        target = _served(target.state_dir, target, call)
    return Transport(_endpoint(target, call), agent(_actor(call)))


def _start(state_dir: Path, call: Invocation) -> None:
    hook = call.env.ensure_running
    if hook is not None and call.flags.get("dry-run") not in ("client", "unchanged"):
        hook(state_dir)


def _actor(call: Invocation) -> str:
    return "-".join(call.path.split()[:2])


def _local(state_dir: Path, call: Invocation) -> Any:
    from minikctl.client.local import LocalClient
    from minikctl.kubectl.acting_as import acting_as

    return acting_as(call, LocalClient.on_files(state_dir, actor=_actor(call), clock=call.env.clock))


def _is_somebody_else(target: Target, call: Invocation) -> bool:
    """Whether the command brings credentials of its own."""
    from minikctl.kubectl import kubeconfig
    from minikctl.kubectl.kubeconfig import own

    flags = kubeconfig.GlobalFlags(call)
    if any(flags.get(name) for name in CREDENTIALS):
        return True
    return target.user != own.USER and bool(target.config and target.config.users.get(target.user))


def _served(state_dir: Path, target: Target, call: Invocation) -> Target:
    """The way over HTTPS to a cluster of ours, as its own kubeconfig describes it; the user is the one that is meant."""
    from minikctl.kubectl import kubeconfig
    from minikctl.kubectl.kubeconfig import files, own

    config, user = files.read(kubeconfig.ensure_own(state_dir)), own.USER
    if target.config is not None and _is_somebody_else(target, call):
        user = target.user if target.user != own.USER else ""  # a flag's credentials stand alone
        if user:
            config.users[user] = target.config.users[user]
            config.origins["users", user] = target.config.origins.get(("users", user), state_dir / own.FILE)
    return kubeconfig.Target(None, target.context, target.namespace, config, own.CONTEXT, user)


def _remote(target: Target, call: Invocation) -> Any:
    from minikctl.client.http import HttpClient
    from minikctl.client.http.discovery import cache_file
    from minikctl.kubectl import kubeconfig

    found = _endpoint(target, call)
    folder = (kubeconfig.GlobalFlags(call).get("cache-dir") or "").replace("$HOME", call.env.environ.get("HOME", ""), 1)
    kept = cache_file(folder, found.server) if folder.startswith("/") and call.env.environ.get("HOME") else None
    chunk = call.flags.get("chunk-size")
    return HttpClient(found, actor=_actor(call), chunk_size=500 if chunk is None else int(chunk), cache=kept)


def _endpoint(target: Target, call: Invocation) -> Endpoint:
    from minikctl.kubectl import kubeconfig
    from minikctl.kubectl.kubeconfig.endpoint import endpoint
    from minikctl.kubectl.kubeconfig.files import Config

    flags = kubeconfig.GlobalFlags(call)
    return endpoint(call, target.config or Config(), flags, target.cluster, target.user)
