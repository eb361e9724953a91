"""`minikctl cluster status`: is it running, and what are its processes?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from minikctl.client.state_dir import Cluster, load
from minikctl.cluster import layout, on_demand, processes, start
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

NOT_RUNNING = 1


def run(call: Invocation) -> int:
    """Exit code 0 when the cluster runs, 1 when it does not."""
    directory = kubeconfig.local_directory(call)
    if call.flags.output not in ("", "json"):
        raise UsageError(f"unknown output format {call.flags.output!r}, allowed formats are: json")
    cluster = load(directory)
    found = status(directory, cluster) if cluster else {"running": False, "stateDir": str(directory)}
    if call.flags.output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps(found, sort_keys=False))
    elif cluster is None:
        call.out(f"There is no cluster in {directory}")
    else:
        _show(call, found)
    return 0 if found["running"] else NOT_RUNNING


def status(directory: Path, cluster: Cluster) -> dict[str, Any]:
    """{running, stateDir, nodes: {wanted, ready, simulated}, components: [{name, pid, state, seconds, bytes, restarts, leads?}]}."""
    network = layout.pid_file(directory, layout.NETWORK).exists()
    names = [
        layout.SUPERVISOR,
        *(c.name for c in layout.components(cluster, network=network, demanded=on_demand.demanded(directory))),
    ]
    leading = _leading(directory) if cluster.controlPlanes > 1 else set()
    return {
        "running": start.is_running(directory),
        "stateDir": str(directory),
        "server": cluster.server,
        "nodes": {
            "wanted": len(cluster.running_nodes()),
            "ready": len(start.ready_nodes(directory) & set(cluster.running_nodes())),
            "simulated": cluster.simulated,
        },
        "components": [_component(directory, name) | ({"leads": True} if name in leading else {}) for name in names],
    }


def _leading(directory: Path) -> set[str]:
    """The processes that lead, of several control planes."""
    from minikctl.cluster.high_availability import leaders

    return {
        f"{lease.removeprefix('kube-')}-{holder.rpartition('-')[2]}" for lease, holder in leaders(directory).items()
    }


def _component(directory: Path, name: str) -> dict[str, Any]:
    file = layout.pid_file(directory, name)
    process = processes.read(file)
    if process is None or not process.alive:
        return {"name": name, "state": "not running"}
    return {
        "name": name,
        "state": "running",
        "pid": process.pid,
        "seconds": round(max(0.0, time.time() - file.stat().st_mtime)),
        "bytes": processes.rss_bytes(process.pid),
        "restarts": process.restarts,
    }


def _show(call: Invocation, found: dict[str, Any]) -> None:
    from minikctl.api.durations import human

    nodes = found["nodes"]
    kind = "simulated nodes" if nodes["simulated"] else "nodes"
    call.out(f"Cluster   {'running' if found['running'] else 'not running'}, state in {found['stateDir']}")
    ready = nodes["ready"] if found["running"] else 0
    call.out(f"Nodes     {ready}/{nodes['wanted']} {kind} ready")
    rows = [["COMPONENT", "STATE", "PID", "RESTARTS", "MEMORY", "UPTIME"]]
    for component in found["components"]:
        if "pid" not in component:
            rows.append([component["name"], component["state"], "-", "-", "-", "-"])
            continue
        rows.append(
            [
                component["name"],
                "leading" if component.get("leads") else component["state"],
                str(component["pid"]),
                str(component["restarts"]),
                f"{component['bytes'] // (1 << 20)}Mi",
                human(component["seconds"]),
            ]
        )
    call.out("\n" + render(rows), end="")


COMMAND = Command(
    name="status",
    summary="Show whether the cluster runs, and its processes",
    use="status [-o json]",
    options=(Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),),
    examples=(
        ("Does it run, and with what?", "minikctl cluster status"),
        ("The same for a script", "minikctl cluster status -o json"),
    ),
    run=run,
    takes_arguments=False,
)
