"""`kubectl cordon`."""

from __future__ import annotations

from minikctl.kubectl import nodes
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.resolve import SELECTOR


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    nodes.cordon(call, nodes.targets(call), True, dry_run)


COMMAND = Command(
    name="cordon",
    summary="Mark node as unschedulable",
    group="Cluster Management",
    use="cordon NODE",
    description="Mark a node as unschedulable: it takes no new pods.",
    examples=(("A node by name", "cordon node-1"),),
    options=(SELECTOR, DRY_RUN),
    complete="nodes",
    run=run,
)
