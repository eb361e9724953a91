"""`minikctl cluster addons`: what can be switched on."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="addons",
    summary="Switch on and off what an ordinary cluster does not have",
    use="cluster addons (list | enable | disable)",
    run=run,
)
