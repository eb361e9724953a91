"""`minikctl cluster addons enable NAME`."""

from __future__ import annotations

import time
from collections.abc import Callable

from minikctl.api.meta import name
from minikctl.cluster import addons
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import EnvironmentProblem

SECONDS, STEP = 20.0, 0.05


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError, EnvironmentProblem."""
    if len(call.args) != 1:
        raise call.usage_error("name one addon")
    addon = addons.find(call.args[0])
    if addon.objects is None:
        call.out(f"{addon.name} needs no enabling: {addon.summary[0].lower()}{addon.summary[1:]}")
        return
    for obj in addons.enable(call.client, addon, _wait):
        call.out(f"{obj['kind'].lower()}/{name(obj)} applied")
    if addon.process:
        addons.run_process(kubeconfig.local_directory(call), addon, on=True)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise EnvironmentProblem("the definitions are not established: see `minikctl cluster status`")
        time.sleep(STEP)


COMMAND = Command(
    name="enable",
    summary="Add something to the cluster",
    use="enable NAME",
    examples=(("Have the Gateway API", "minikctl cluster addons enable gateway-api"),),
    complete=tuple(a.name for a in addons.ADDONS),
    run=run,
)
