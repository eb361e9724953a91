"""`kubectl create namespace`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, required_name, submit


def run(call: Invocation) -> None:
    submit(call, new(call, "v1", "Namespace", required_name(call)))


COMMAND = Command(
    name="namespace",
    summary="Create a namespace with the specified name",
    use="create namespace NAME [--dry-run=server|client|none]",
    aliases=("ns",),
    description="Create a namespace with the specified name.",
    examples=(("A namespace for the shop", "create namespace shop"),),
    options=GENERATOR_OPTIONS,
    run=run,
)
