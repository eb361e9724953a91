"""`minikctl image`: the images of the local cluster."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="image",
    group="Basic Commands (Beginner)",
    summary="Build, load, pull and look after the images of the local cluster",
    description=(
        "Build, load, pull and look after the images of the local cluster.\n\n"
        "All nodes of the cluster share them. Containers of these images need the sandbox runtime. Beside them there is "
        "a catalogue of emulated images (busybox, nginx, python, …), which run this machine's own programs and have no "
        "files of their own: `image ls --all` shows it. An image in the store goes before an emulated one of that name."
    ),
    use="image SUBCOMMAND",
    run=run,
)
