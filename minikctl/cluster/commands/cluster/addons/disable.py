"""`minikctl cluster addons disable`."""

from __future__ import annotations

from minikctl.cluster import addons
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise call.usage_error("exactly one addon must be named")
    changed = addons.switch(kubeconfig.local_directory(call), call.args[0], on=False)
    call.out(f"addon/{call.args[0]} {'' if changed else 'is already '}disabled")


COMMAND = Command(
    name="disable",
    summary="Disable an addon; its objects stay",
    use="cluster addons disable NAME",
    examples=(("No more Applications", "minikctl cluster addons disable gitops"),),
    run=run,
)
