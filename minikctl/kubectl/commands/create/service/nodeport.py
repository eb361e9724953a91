"""`kubectl create service nodeport`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import INT, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, services


def run(call: Invocation) -> None:
    name = name_argument(call)
    services.require_tcp(call)
    services.create(call, name, "NodePort")


COMMAND = Command(
    name="nodeport",
    summary="Create a NodePort service",
    use="create service nodeport NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    description="Create a NodePort service with the specified name.",
    examples=(("A port of every node", "create service nodeport web --tcp=80:8080 --node-port=30080"),),
    options=(
        *GENERATOR_OPTIONS,
        services.TCP,
        Option("node-port", INT, help="The port of the nodes; one is chosen when none is given."),
    ),
    run=run,
)
