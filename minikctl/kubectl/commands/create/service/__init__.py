"""`kubectl create service`: its subcommands are in this folder, one for each type."""

from __future__ import annotations

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="service",
    summary="Create a service using a specified subcommand",
    use="create service [flags]",
    aliases=("svc",),
    description="Create a service using a specified subcommand.",
    run=run_group(__name__),
)
