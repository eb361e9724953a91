"""`minikctl cluster`: start, stop and look after the local cluster."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="cluster",
    group="Basic Commands (Beginner)",
    summary="Start, stop and look after the local cluster",
    description=(
        "Start, stop and look after the local cluster.\n\n"
        "A cluster is a directory: --state-dir, else $MINIKCTL_STATE, else the nearest state/ upward from here, else "
        "this checkout's state/, else ~/.local/state/minikctl. Any command that needs the cluster starts it."
    ),
    use="cluster SUBCOMMAND",
    run=run,
)
