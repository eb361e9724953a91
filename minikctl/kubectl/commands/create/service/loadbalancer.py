"""`kubectl create service loadbalancer`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, services


def run(call: Invocation) -> None:
    name = name_argument(call)
    services.require_tcp(call)
    services.create(call, name, "LoadBalancer")


COMMAND = Command(
    name="loadbalancer",
    summary="Create a LoadBalancer service",
    use="create service loadbalancer NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    description="Create a LoadBalancer service with the specified name.",
    examples=(("A service for the outside", "create service loadbalancer web --tcp=80:8080"),),
    options=(*GENERATOR_OPTIONS, services.TCP),
    run=run,
)
