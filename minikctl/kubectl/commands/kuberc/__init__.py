"""`kubectl kuberc`: a person's own defaults and aliases."""

from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="kuberc",
    summary="Manage kuberc configuration files",
    group="Other",
    use="kuberc SUBCOMMAND",
    description="Look after the kuberc file: your own defaults for flags, and your own names for commands.",
    examples=(
        ("What is set", f"{PROGRAM} kuberc view"),
        ("A default for a flag", f"{PROGRAM} kuberc set --section defaults --command get --option output=wide"),
        (
            "A name for a command",
            f"{PROGRAM} kuberc set --section aliases --name getn --command get --prependarg nodes --option output=wide",
        ),
    ),
    run=run_group(__name__),
)
