"""`kubectl create serviceaccount`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, required_name, submit


def run(call: Invocation) -> None:
    submit(
        call,
        new(call, "v1", "ServiceAccount", required_name(call)),
        failure="failed to create serviceaccount: ",
    )


COMMAND = Command(
    name="serviceaccount",
    summary="Create a service account with the specified name",
    use="create serviceaccount NAME [--dry-run=server|client|none]",
    aliases=("sa",),
    description="Create a service account with the specified name.",
    examples=(("A service account for a robot", "create serviceaccount robot"),),
    options=GENERATOR_OPTIONS,
    run=run,
)
