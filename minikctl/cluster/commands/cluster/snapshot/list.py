"""`minikctl cluster snapshot list`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from minikctl.cluster import snapshots
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    from minikctl.api.durations import human

    if call.flags.output not in ("", "json"):
        raise UsageError(f"unknown output format {call.flags.output!r}, allowed formats are: json")
    directory = kubeconfig.local_directory(call)
    found = list(snapshots.saved(directory))
    if call.flags.output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps([asdict(s) for s in found], sort_keys=False))
        return
    if not found:
        call.err(f"No snapshots found in {directory}")
        return
    rows = [["NAME", "OBJECTS", "VERSION", "VOLUMES", "SIZE", "AGE"]]
    for one in found:
        age = (call.env.clock.now() - datetime.fromisoformat(one.time)).total_seconds()
        size, volumes = f"{max(1, one.size >> 10)}Ki", "yes" if one.volumes else "no"
        rows.append([one.name, str(one.objects), str(one.resourceVersion), volumes, size, human(age)])
    call.out(render(rows), end="")


COMMAND = Command(
    name="list",
    summary="List the snapshots of the cluster",
    use="cluster snapshot list [-o json]",
    options=(Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),),
    examples=(
        ("Show them", "minikctl cluster snapshot list"),
        ("Their names for a script", "minikctl cluster snapshot list -o json | jq -r .[].name"),
    ),
    run=run,
    takes_arguments=False,
)
