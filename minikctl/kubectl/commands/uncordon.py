"""`kubectl uncordon`."""

from __future__ import annotations

from minikctl.kubectl import nodes
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.resolve import SELECTOR


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    nodes.cordon(call, nodes.targets(call), False, dry_run)


COMMAND = Command(
    name="uncordon",
    summary="Mark node as schedulable",
    group="Cluster Management",
    use="uncordon NODE",
    description="Mark a node as schedulable: it takes pods again.",
    examples=(("A node by name", "uncordon node-1"),),
    options=(SELECTOR, DRY_RUN),
    complete="nodes",
    run=run,
)
