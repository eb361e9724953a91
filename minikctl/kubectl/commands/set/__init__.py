"""`kubectl set`: change one thing of an object."""

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="set",
    summary="Set specific features on objects",
    group="Basic (Beginner)",
    use="set SUBCOMMAND",
    description="Change single features of objects that are there already.",
    run=run_group(__name__),
)
