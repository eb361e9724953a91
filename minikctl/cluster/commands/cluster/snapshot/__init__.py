"""`minikctl cluster snapshot`: copies of the whole state."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="snapshot",
    summary="Save and restore the state of the local cluster",
    use="cluster snapshot (save | list | restore | delete)",
    description=(
        "Save and restore the state of the local cluster.\n\n"
        "A snapshot is one file with every object, the journal, certificates and settings, as they were at one moment; "
        "the cluster may run meanwhile. It is kept in snapshots/ in the state directory, and can be restored there or, "
        "as a file, in any other."
    ),
    run=run,
)
