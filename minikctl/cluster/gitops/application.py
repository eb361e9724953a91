"""What an Application may ask for, and what in it stands for what."""

from __future__ import annotations

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.cluster.gitops import compare, operation

APPLICATIONS = "applications.argoproj.io"
REFRESH = "argocd.argoproj.io/refresh"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
SERVERS = ("https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local")
IN_CLUSTER = "in-cluster"
SYNC_OPTIONS = frozenset(
    {
        "CreateNamespace",
        "ServerSideApply",
        "Replace",
        "ApplyOutOfSyncOnly",
        "Prune",
        "PruneLast",
        "PrunePropagationPolicy",
        "Validate",
        "SkipDryRunOnMissingResource",
    }
)


class InvalidSpec(Exception):
    """The Application asks for something that cannot be."""


def check(client: Client, app: Obj) -> None:
    """Raises InvalidSpec."""
    spec = app["spec"]
    if spec.get("sources"):
        raise InvalidSpec("spec.sources is not supported here: one spec.source is")
    source, destination = spec.get("source") or {}, spec.get("destination") or {}
    if not source.get("repoURL"):
        raise InvalidSpec("spec.source.repoURL is required")
    if source.get("chart"):
        raise InvalidSpec("spec.source.chart is not supported here: charts are taken from Git, by path")
    if source.get("plugin"):
        raise InvalidSpec("spec.source.plugin is not supported here")
    server, called = destination.get("server") or "", destination.get("name") or ""
    if server and called:
        raise InvalidSpec("application destination can't have both name and server defined")
    if not server and not called:
        raise InvalidSpec("Destination server missing from app spec")
    if server not in ("", *SERVERS) or called not in ("", IN_CLUSTER):
        raise InvalidSpec(f"there are no clusters with this {'API URL' if server else 'name'}: {server or called}")
    project = spec.get("project") or "default"
    if compare.find(client, _kind(client, "appprojects.argoproj.io"), "argocd", project) is None:
        raise InvalidSpec(f"Application referencing project {project} which does not exist")
    for option in (spec.get("syncPolicy") or {}).get("syncOptions") or []:
        if option.partition("=")[0] not in SYNC_OPTIONS:
            raise InvalidSpec(f"sync option {option} is not supported here")


def _kind(client: Client, word: str) -> Kind:
    found = client.kind(word)
    if found is None:
        raise InvalidSpec(f"the kind {word} is not installed")
    return found


def running_sync(app: Obj) -> Obj:
    """The synchronisation that is under way, `{}` when none is."""
    state = (app.get("status") or {}).get("operationState") or {}
    sync: Obj = (state.get("operation") or {}).get("sync") or {}
    return sync if state.get("phase") == operation.RUNNING and app.get("operation") else {}
