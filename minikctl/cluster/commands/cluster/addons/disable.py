"""`minikctl cluster addons disable NAME`."""

from __future__ import annotations

from minikctl.api.meta import name
from minikctl.cluster import addons
from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import UsageError


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
    if not gone:
        call.out(f"{addon.name} is not enabled")


COMMAND = Command(
    name="disable",
    summary="Take it away again, and every object of its kinds",
    use="disable NAME",
    complete=tuple(a.name for a in addons.ADDONS if a.objects is not None),
    run=run,
)
