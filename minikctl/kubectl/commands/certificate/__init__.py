"""`kubectl certificate`: decide about requests for certificates."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.group import run_group
from minikctl.util.errors import Exit


def run(call: Invocation) -> int:
    """The help, which is no failure here."""
    try:
        run_group(__name__, stdout=True)(call)
    except Exit:
        return 0
    return 0


COMMAND = Command(
    name="certificate",
    summary="Modify certificate resources",
    group="Cluster Management",
    description="Modify certificate resources.",
    use="certificate SUBCOMMAND",
    run=run,
)
