"""`kubectl create service externalname`."""

from __future__ import annotations

from minikctl.api.names import dns_subdomain
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, services
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    name, target = name_argument(call), call.flags.external_name
    if dns_subdomain(target):
        raise UsageError(f"invalid service external name {target}")
    services.create(call, name, "ExternalName", externalName=target)


COMMAND = Command(
    name="externalname",
    summary="Create an ExternalName service",
    use="create service externalname NAME --external-name external.name [--dry-run=server|client|none]",
    description="Create an ExternalName service: a name in the cluster for a host outside of it.",
    examples=(("The database outside", "create service externalname db --external-name db.example.com"),),
    options=(
        *GENERATOR_OPTIONS,
        services.TCP,
        Option("external-name", required=True, help="The name of the host outside."),
    ),
    run=run,
)
