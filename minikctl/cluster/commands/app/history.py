"""`minikctl app history`."""

from __future__ import annotations

from minikctl.cluster import completing
from minikctl.cluster.gitops import asking
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.printers.columns import render


def run(call: Invocation) -> None:
    _, _, app = asking.application(call)
    rows = [["ID", "DATE", "REVISION"]]
    for one in (app.get("status") or {}).get("history") or []:
        rows.append([str(one["id"]), one["deployedAt"], one["revision"]])
    call.out(render(rows), end="")


COMMAND = Command(
    name="history",
    summary="Show what was deployed when",
    use="app history NAME",
    examples=(("The deployments of one Application", "minikctl app history guestbook"),),
    complete=completing.applications,
    run=run,
)
