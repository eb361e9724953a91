"""`minikctl app sync`."""

from __future__ import annotations

from typing import Any

from minikctl.cluster import completing
from minikctl.cluster.gitops import asking
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, STRING, Option
from minikctl.kubectl.printers.columns import render


def run(call: Invocation) -> None:
    namespace, name, _ = asking.application(call)
    sync: dict[str, Any] = {}
    if call.flags.revision:
        sync["revision"] = call.flags.revision
    if call.flags.prune:
        sync["prune"] = True
    if call.flags.get("dry-run"):
        sync["dryRun"] = True
    state = asking.operate(call, namespace, name, sync, call.flags.timeout)
    result = state["syncResult"]
    rows = [["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HOOK", "MESSAGE"]]
    for one in result.get("resources") or []:
        part = [str(one.get(f) or "") for f in ("group", "kind", "namespace", "name", "status", "hookType", "message")]
        rows.append(part)
    call.out(render(rows), end="")
    call.out(f"application/{name} synced to {result['revision']}: {state['message']}")


COMMAND = Command(
    name="sync",
    summary="Make the cluster what the repository says",
    use="app sync NAME [--revision REVISION] [--prune]",
    options=(
        Option("revision", STRING, help="A branch, tag or commit other than the Application's."),
        Option("prune", BOOL, help="Delete what the repository has no more."),
        Option("dry-run", BOOL, help="Ask the server what would be, and change nothing."),
        Option("timeout", DURATION, default=120, help="How long to wait for the end."),
    ),
    examples=(("Synchronize", "minikctl app sync guestbook --prune"),),
    complete=completing.applications,
    run=run,
)
