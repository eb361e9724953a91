"""`minikctl cluster kubeconfig`: the file that names this cluster, for kubectl and friends."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from minikctl.client import state_dir as state
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig.access import Access
from minikctl.kubectl.kubeconfig.files import read


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    state.ensure(directory)
    path = kubeconfig.ensure_own(directory)
    if call.flags.merge:
        merge(call, path)
    else:
        call.out(str(path))


def merge(call: Invocation, own: Path) -> None:
    """Add cluster, context and user to the user's file; its current context stays unless there is none."""
    files = _users_files(call)
    before, mine = files.start(), read(own)
    after = replace(
        before,
        clusters=before.clusters | mine.clusters,
        users=before.users | mine.users,
        contexts=mine.contexts | before.contexts,
        current_context=before.current_context or mine.current_context,
    )
    files.modify(before, after)
    call.out(f'Context "{mine.current_context}" is in {files.default}')


def _users_files(call: Invocation) -> Access:
    words = [w for w in (call.env.environ.get("KUBECONFIG") or "").split(os.pathsep) if w]
    if not words:
        home = Path(call.env.environ.get("HOME") or Path.home())
        words = [str(home / ".kube" / "config")]
    return Access(tuple(call.env.cwd / w for w in words), tuple(words))


COMMAND = Command(
    name="kubeconfig",
    summary="Print the path of the cluster's kubeconfig, or merge it into yours",
    use="kubeconfig [--merge]",
    options=(Option("merge", BOOL, help="Add the cluster to $KUBECONFIG or ~/.kube/config."),),
    examples=(("Use the cluster with any Kubernetes tool", 'export KUBECONFIG="$(minikctl cluster kubeconfig)"'),),
    run=run,
    takes_arguments=False,
)
