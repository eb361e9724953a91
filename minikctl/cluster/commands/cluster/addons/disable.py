"""`minikctl cluster addons disable NAME`."""

from __future__ import annotations

import time

from minikctl.api.meta import name
from minikctl.cluster import addons
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import UsageError

SECONDS, STEP = 20.0, 0.05


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    if len(call.args) != 1:
        raise call.usage_error("name one addon")
    addon = addons.find(call.args[0])
    if addon.objects is None:
        raise UsageError(f"{addon.name} is a part of every cluster; without an Ingress it does not run")
    gone = addons.disable(call.client, addon)
    for obj in gone:
        call.out(f"{obj['kind'].lower()}/{name(obj)} deleted")
    if addon.process:  # it may still have to let go of what belonged to it
        deadline = time.monotonic() + SECONDS
        while not addons.is_gone(call.client, addon) and time.monotonic() < deadline:
            time.sleep(STEP)
        addons.run_process(kubeconfig.local_directory(call), addon, on=False)
    if not gone:
        call.out(f"{addon.name} is not enabled")


COMMAND = Command(
    name="disable",
    summary="Take it away again, and every object of its kinds",
    use="disable NAME",
    complete=tuple(a.name for a in addons.ADDONS if a.objects is not None),
    examples=(("Take Gateways and their routes away", "minikctl cluster addons disable gateway-api"),),
    run=run,
)
