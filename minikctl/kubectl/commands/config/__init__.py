"""`kubectl config`: show and change kubeconfig files."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="config",
    group="Other",
    summary="Modify kubeconfig files",
    description=(
        'Modify kubeconfig files using subcommands like "kubectl config set current-context my-context".\n\n'
        "With --kubeconfig, that file alone is meant. With $KUBECONFIG, its files together: a value is changed in the "
        "file that defines it, a new one goes to the first file that exists. Else it is the cluster's own file, "
        "`kubeconfig` in its state directory."
    ),
    use="config SUBCOMMAND",
    run=run,
)
