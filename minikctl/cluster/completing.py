"""What may follow in the commands of the local cluster, from its files. A problem gives no candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

from minikctl.api.errors import ApiError
from minikctl.client import state_dir
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.completion import DEFAULT, NO_FILES, Reply
from minikctl.util.errors import EnvironmentProblem, UsageError

Names = Callable[[Invocation], Iterable[str]]
Candidates = Callable[[Invocation, str], Sequence[str]]


def _offered(most: int | None = None) -> Callable[[Names], Candidates]:
    """The names that are not there yet, for the first `most` arguments."""

    def decorate(names: Names) -> Candidates:
        @wraps(names)
        def complete(call: Invocation, _word: str) -> list[str]:
            if most is not None and len(call.args) >= most:
                return []
            try:
                return [n for n in names(call) if n not in call.args]
            except (ApiError, UsageError, EnvironmentProblem, OSError):
                return []

        return complete

    return decorate


@_offered()
def nodes(call: Invocation) -> Iterable[str]:
    cluster = state_dir.load(kubeconfig.local_directory(call))
    return cluster.node_names() if cluster else ()


@_offered(1)
def node_groups(call: Invocation) -> Iterable[str]:
    cluster = state_dir.load(kubeconfig.local_directory(call))
    return sorted(cluster.autoscaler.get("groups", {})) if cluster else ()


@_offered()
def components(call: Invocation) -> Iterable[str]:
    return sorted(p.stem for p in (kubeconfig.local_directory(call) / "run").glob("*.log"))


@_offered()
def snapshots(call: Invocation) -> Iterable[str]:
    from minikctl.cluster.snapshots import saved

    return [s.name for s in saved(kubeconfig.local_directory(call))]


def snapshot_or_file(call: Invocation, word: str) -> Reply:
    if call.args:
        return [], NO_FILES
    found = [n for n in snapshots(call, word) if n.startswith(word)]
    return found, NO_FILES if found else DEFAULT


@_offered()
def presets(_call: Invocation) -> Iterable[str]:
    from minikctl.cluster.presets import PRESETS

    return sorted(PRESETS)


@_offered(1)
def applications(call: Invocation) -> Iterable[str]:
    from minikctl.cluster.gitops.application import APPLICATIONS

    if state_dir.load(kubeconfig.local_directory(call)) is None:
        return ()
    found = call.client.list(APPLICATIONS, call.namespace if call.namespace_given else "argocd")["items"]
    return sorted(o["metadata"]["name"] for o in found)
