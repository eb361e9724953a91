"""`minikctl cluster addons enable`."""

from __future__ import annotations

from minikctl.cluster import addons
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise call.usage_error("exactly one addon must be named")
    changed = addons.switch(kubeconfig.local_directory(call), call.args[0], on=True)
    call.out(f"addon/{call.args[0]} {'' if changed else 'is already '}enabled")


COMMAND = Command(
    name="enable",
    summary="Enable an addon",
    use="cluster addons enable NAME",
    examples=(("Keep the cluster as a Git repository says", "minikctl cluster addons enable gitops"),),
    run=run,
)
