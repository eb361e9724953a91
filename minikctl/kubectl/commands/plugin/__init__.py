"""`kubectl plugin`: programs that add words of their own."""

from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="plugin",
    summary="Provides utilities for interacting with plugins",
    group="Other",
    use="plugin [flags]",
    description=(
        "Look after plugins.\n\n"
        f"A plugin is a program on PATH whose name begins with {PROGRAM}-: '{PROGRAM} foo bar' runs {PROGRAM}-foo-bar, or "
        f"{PROGRAM}-foo with the argument bar. Many are found through krew: https://krew.sigs.k8s.io"
    ),
    examples=(
        ("All plugins that there are", f"{PROGRAM} plugin list"),
        ("Only their names", f"{PROGRAM} plugin list --name-only"),
    ),
    run=run_group(__name__),
)
