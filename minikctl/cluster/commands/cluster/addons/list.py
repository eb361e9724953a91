"""`minikctl cluster addons list`."""

from __future__ import annotations

from minikctl.client.state_dir import load
from minikctl.cluster.addons import ADDONS
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.printers.columns import render


def run(call: Invocation) -> None:
    if call.args:
        raise call.usage_error(f"unknown argument {call.args[0]!r}")
    cluster = load(kubeconfig.local_directory(call))
    enabled = cluster.addons if cluster else []
    rows = [[name, "enabled" if name in enabled else "disabled", what] for name, what in ADDONS.items()]
    call.out(render([["NAME", "STATUS", "WHAT"], *rows]), end="")


COMMAND = Command(name="list", summary="List the addons", use="cluster addons list", run=run)
