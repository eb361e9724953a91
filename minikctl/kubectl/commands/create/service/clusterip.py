"""`kubectl create service clusterip`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, services


def run(call: Invocation) -> None:
    name, address = name_argument(call), call.flags.clusterip
    if address != "None":
        services.require_tcp(call)
    services.create(call, name, "ClusterIP", clusterIP=address)


COMMAND = Command(
    name="clusterip",
    summary="Create a ClusterIP service",
    use="create service clusterip NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
    description="Create a ClusterIP service with the specified name.",
    examples=(
        ("Port 80 of the service is port 8080 of the pods", "create service clusterip web --tcp=80:8080"),
        ("A headless service: names, but no address", 'create service clusterip db --clusterip="None"'),
    ),
    options=(
        *GENERATOR_OPTIONS,
        services.TCP,
        Option("clusterip", help="The address of the service; None for a headless one."),
    ),
    run=run,
)
