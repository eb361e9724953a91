"""`kubectl create secret`: its subcommands are in this folder."""

from __future__ import annotations

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="secret",
    summary="Create a secret using a specified subcommand",
    use="create secret (docker-registry | generic | tls)",
    description=(
        "Create a secret with specified type.\n\n"
        "docker-registry: credentials for an image registry. generic: any keys and values (type Opaque). "
        "tls: a certificate and its private key."
    ),
    run=run_group(__name__),
)
