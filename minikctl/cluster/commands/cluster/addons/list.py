"""`minikctl cluster addons list`."""

from __future__ import annotations

from minikctl.cluster import addons
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.printers.columns import render


def run(call: Invocation) -> None:
    rows = [["NAME", "STATUS", "WHAT IT IS"]]
    for addon in addons.ADDONS:
        rows.append([addon.name, "enabled" if addons.is_enabled(call.client, addon) else "disabled", addon.summary])
    call.out(render(rows), end="")


COMMAND = Command(
    name="list",
    summary="Show the addons and whether the cluster has them",
    use="list",
    examples=(("What there is", "minikctl cluster addons list"),),
    run=run,
    takes_arguments=False,
)
