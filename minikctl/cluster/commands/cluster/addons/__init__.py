"""`minikctl cluster addons`: what can be added to a cluster."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="addons",
    summary="Add to the cluster what a new one does not have",
    use="cluster addons (list | enable | disable)",
    description=(
        "Add to the cluster what a new one does not have: bundles of objects that ship with this program.\n\n"
        "The Gateway API is such a bundle, since Kubernetes itself does not bring it either."
    ),
    run=run,
)
