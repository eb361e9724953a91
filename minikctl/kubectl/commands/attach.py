"""`kubectl attach`."""

from __future__ import annotations

from minikctl.kubectl import pod_of, remote
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError

NOTE = (
    "All commands and output from this session will be recorded in container logs, including credentials and sensitive "
    "information passed through the command prompt.\nIf you don't see a command prompt, try pressing enter."
)


def run(call: Invocation) -> int:
    flags, args = call.flags, call.args
    if not args:
        raise UsageError("at least 1 argument is required for attach")
    if len(args) > 2:
        shown = " ".join(args)
        raise UsageError(f"expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {len(args)}: [{shown}]")
    if flags.pod_running_timeout <= 0:
        raise UsageError("--pod-running-timeout must be higher than zero")
    pod = pod_of.pod_to_enter(call, pod_of.target_of(call, args), flags.pod_running_timeout)
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise UsageError(f"cannot attach a container in a completed pod; current phase is {phase}")
    try:
        container = pod_of.container_of(call, pod, flags.container, quiet=flags.quiet)
    except UsageError as e:
        raise UsageError(f"cannot attach to the container: {e.message}") from None
    tty = bool(container.get("tty"))  # a container with a terminal can be attached to in no other way
    if flags.tty and not tty and not flags.quiet:
        call.err(f"error: Unable to use a TTY - container {container['name']} did not allocate one")
    note = "" if flags.quiet else NOTE
    return remote.attach(call, pod, container["name"], flags.stdin, tty, flags.detach_keys, note)


COMMAND = Command(
    name="attach",
    summary="Attach to a running container",
    group="Troubleshooting and Debugging",
    use="attach (POD | TYPE/NAME) -c CONTAINER",
    description="Connect to the main process of a container: see what it puts out, and type what it reads.",
    examples=(
        ("Output of a pod's first container", "attach web"),
        ("Of a certain container", "attach web -c sidecar"),
        ("A shell that runs in a container with a terminal", "attach shell -it"),
        ("The first pod of a replica set", "attach rs/web"),
    ),
    options=(
        pod_of.CONTAINER,
        Option(
            "detach-keys", default=remote.DETACH_KEYS, help="The keys that end the session and leave the container."
        ),
        pod_of.RUNNING_TIMEOUT,
        pod_of.QUIET,
        pod_of.STDIN,
        pod_of.TTY,
    ),
    complete="pods",
    run=run,
)
