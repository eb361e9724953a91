"""`minikctl cluster node presets`."""

from __future__ import annotations

from minikctl.cluster.presets import PRESETS
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.printers.columns import render


def run(call: Invocation) -> None:
    rows = [["NAME", "CLOUD", "CPU", "MEMORY", "PODS", "ALLOCATABLE-CPU", "ALLOCATABLE-MEMORY"]]
    for one in PRESETS.values():
        left = f"{one.cpu * 1000 - one.reserved_cpu}m", f"{one.memory - one.reserved_memory}Mi"
        rows.append([one.name, one.cloud, str(one.cpu), f"{one.memory}Mi", str(one.pods), *left])
    call.out(render(rows), end="")


COMMAND = Command(
    name="presets",
    summary="List the machines of managed clouds that `node add --preset` knows",
    use="cluster node presets",
    examples=(("What there is", "minikctl cluster node presets"),),
    run=run,
    takes_arguments=False,
)
