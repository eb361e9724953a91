"""`minikctl cluster node`: nodes that come and go while the cluster runs."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="node",
    summary="Add, remove, stop and start nodes of the local cluster",
    use="cluster node (add | remove | stop | start | presets)",
    description=(
        "Add, remove, stop and start nodes of the local cluster.\n\n"
        "Every real node is an agent process with a lease of its own; simulated nodes share one and run no processes. "
        "A stopped node is one whose machine was switched off: it turns NotReady when its lease has run out (40 s), and "
        "its pods are replaced when they no longer tolerate that (5 min, unless they say otherwise)."
    ),
    run=run,
)
