"""`minikctl cluster autoscale`: node groups that grow and shrink with the pods."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from minikctl.client.state_dir import Cluster, load
from minikctl.cluster import completing, nodes
from minikctl.cluster.autoscaler import groups
from minikctl.cluster.commands.cluster.node import add
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, FLOAT, INT, STRING, Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
MOST = 1000
SETTINGS = (
    Option("scan-interval", DURATION, default=10, help="How often it looks."),
    Option("scale-down-unneeded-time", DURATION, default=600, help="How long a node is unneeded before it goes."),
    Option("scale-down-delay-after-add", DURATION, default=600, help="How long nothing goes after a node has come."),
    Option("scale-down-utilization-threshold", FLOAT, default=0.5, help="A node that is used more is needed."),
    Option(
        "expander",
        STRING,
        default="least-waste",
        help=f"Which group grows: {', '.join(groups.EXPANDERS)}.",
        complete=groups.EXPANDERS,
    ),
)
NODE = tuple(o for o in add.COMMAND.options if o.name != "count")


def run(call: Invocation) -> None:
    if len(call.args) > 1:
        raise call.usage_error(f"unknown argument {call.args[1]!r}")
    directory = kubeconfig.local_directory(call)
    if call.flags.delete:
        _delete(call, directory)
    elif call.flags.changed("max"):
        _set(call, directory)
    elif any(call.flags.changed(o.name) for o in (*SETTINGS, *NODE)) or call.args:
        raise UsageError("--max must say how many nodes the group may have at the most")
    else:
        _show(call, directory)


def _set(call: Invocation, directory: Path) -> None:
    flags = call.flags
    node = add.settings(call)
    name = (call.args or [re.sub(r"[^a-z0-9]+", "-", (flags.preset or "nodes").lower())])[0]
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a node group: lower case letters, digits and '-' are, at most 40")
    if not 0 <= flags.min <= flags.max <= MOST:
        raise UsageError(f"--min and --max must be in this order, and between 0 and {MOST}")
    given: dict[str, Any] = {o.name.replace("-", "_"): flags.get(o.name) for o in SETTINGS if flags.changed(o.name)}
    if given.get("expander", groups.EXPANDERS[0]) not in groups.EXPANDERS:
        raise UsageError(f"--expander must be one of {', '.join(groups.EXPANDERS)}")
    if given.get("scan_interval", 1) <= 0:
        raise UsageError("--scan-interval must be positive")

    def decide(cluster: Cluster) -> Cluster:
        wanted = {"simulated": cluster.simulated, **node}
        return groups.with_group(cluster, groups.Group(name, flags.min, flags.max, wanted), given)

    nodes.change(directory, decide)
    call.out(f"nodegroup/{name} has {flags.min} to {flags.max} nodes")


def _delete(call: Invocation, directory: Path) -> None:
    if not call.args:
        raise UsageError("say which node group is to be deleted")
    name = call.args[0]

    def decide(cluster: Cluster) -> Cluster:
        if name not in cluster.autoscaler.get("groups", {}):
            raise UsageError(f"no node group is called {name}")
        return groups.without_group(cluster, name)

    nodes.change(directory, decide)
    call.out(f"nodegroup/{name} deleted; its nodes stay (`minikctl cluster node remove` takes them away)")


def _show(call: Invocation, directory: Path) -> None:
    cluster = load(directory)
    if cluster is None:
        raise UsageError(f"there is no cluster in {directory}")
    found, _ = groups.read(cluster)
    if not found:
        call.err("No node groups found: `minikctl cluster autoscale --max N` makes one")
        return
    rows = [["GROUP", "PRESET", "MIN", "NODES", "MAX", "KIND"]]
    for group in found:
        kind = "simulated" if group.node.get("simulated") else "real"
        size = str(len(groups.members(cluster, group.name)))
        rows.append([group.name, str(group.node.get("preset") or "-"), str(group.min), size, str(group.max), kind])
    call.out(render(rows), end="")


COMMAND = Command(
    name="autoscale",
    summary="Have nodes come for pods that fit nowhere, and go when they are hardly used",
    use="autoscale [GROUP] [--min N] --max N [--preset NAME] [--simulated] | autoscale GROUP --delete | autoscale",
    description=(
        "Have nodes come for pods that fit nowhere, and go when they are hardly used.\n\n"
        "A node group is a number of like nodes between a minimum and a maximum; there may be several. The autoscaler is "
        "a process of its own that runs while there is a group. It tells pods what it does in Events, and keeps the "
        "ConfigMap kube-system/cluster-autoscaler-status. Without flags: the groups there are."
    ),
    options=(
        Option("min", INT, default=0, help="How many nodes the group has at the least."),
        Option("max", INT, default=0, help="How many nodes the group has at the most."),
        Option("delete", BOOL, help="Delete the group; its nodes stay."),
        *NODE,
        *SETTINGS,
    ),
    examples=(
        (
            "Up to five machines like AWS' t3.medium",
            "minikctl cluster autoscale --max 5 --preset t3.medium --simulated",
        ),
        (
            "Quickly, for a lesson",
            "minikctl cluster autoscale --max 3 --scan-interval 1s --scale-down-unneeded-time 10s "
            "--scale-down-delay-after-add 10s",
        ),
    ),
    complete=completing.node_groups,
    run=run,
)
