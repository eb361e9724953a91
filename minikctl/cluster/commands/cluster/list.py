"""`minikctl cluster list`: every cluster of this user."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from minikctl.client.state_dir import load
from minikctl.cluster import known, start
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import EnvironmentProblem, UsageError


def run(call: Invocation) -> None:
    from minikctl.api.durations import human

    if call.flags.output not in ("", "json"):
        raise UsageError(f"unknown output format {call.flags.output!r}, allowed formats are: json")
    current = kubeconfig.local_directory(call).absolute()
    directories = known.clusters(call.env.environ)
    if known.is_there(current) and current not in directories:
        directories = sorted([*directories, current])
    found = [_about(d, d == current) for d in directories]
    if call.flags.output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps(found, sort_keys=False))
        return
    if not found:
        call.err("No clusters found")
        return
    rows = [["CURRENT", "STATE-DIR", "STATUS", "NODES", "SERVER", "AGE"]]
    for one in found:
        age = (call.env.clock.now() - datetime.fromisoformat(one["created"])).total_seconds() if one["created"] else 0
        mark = "*" if one["current"] else ""
        rows.append([mark, one["stateDir"], one["status"], str(one["nodes"]), one["server"], human(age)])
    call.out(render(rows), end="")


def _about(directory: Path, current: bool) -> dict[str, Any]:
    """{stateDir, current, status: Running, Stopped or Unreadable, nodes, server, created}."""
    try:
        cluster = load(directory)
    except EnvironmentProblem:
        cluster = None
    if cluster is None:
        empty = {"status": "Unreadable", "nodes": 0, "server": "", "created": ""}
        return {"stateDir": str(directory), "current": current, **empty}
    return {
        "stateDir": str(directory),
        "current": current,
        "status": "Running" if start.is_running(directory) else "Stopped",
        "nodes": len(cluster.node_names()),
        "server": cluster.server,
        "created": cluster.created,
    }


COMMAND = Command(
    name="list",
    summary="List the clusters of this user, wherever their state is",
    use="list [-o json]",
    description=(
        "List the clusters of this user, wherever their state is.\n\n"
        "Every state directory is a cluster of its own; they run side by side. A cluster is listed from its first start "
        "on, until its directory is gone."
    ),
    options=(Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),),
    examples=(("Every cluster of this user", "minikctl cluster list"),),
    run=run,
    takes_arguments=False,
)
