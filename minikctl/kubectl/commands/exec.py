"""`kubectl exec`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl import pod_of, remote
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import LIST, Option
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import select
from minikctl.util.errors import UsageError


def run(call: Invocation) -> int:
    flags = call.flags
    words, command = _split(call)
    if not words and not flags.filename:
        raise UsageError("pod, type/name or --filename must be specified")
    if not command:
        raise UsageError("you must specify at least one command for the container")
    pod = pod_of.pod_to_enter(call, _target(call, words), flags.pod_running_timeout)
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise UsageError(f"cannot exec into a container in a completed pod; current phase is {phase}")
    container = _container(call, pod)
    return remote.execute(call, pod, container, command, stdin=flags.stdin, tty=flags.tty)


def _split(call: Invocation) -> tuple[list[str], list[str]]:
    """(the pod's name, the command). Raises UsageError."""
    args, dash = call.args, call.dash
    if dash < 0 and (len(args) > 1 or (args and call.flags.filename)):
        raise call.usage_error("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
    return (args[:1] if dash != 0 else [], args[dash:] if dash >= 0 else [])


def _target(call: Invocation, words: list[str]) -> Target:
    if words:
        return pod_of.target_of(call, words)
    found = select(call, [], latest=True).check()
    if len(found) != 1:
        raise UsageError("cannot exec into multiple objects at a time")
    return found[0]


def _container(call: Invocation, pod: Obj) -> str:
    wanted: str = call.flags.container
    if wanted and pod_of.find_container(pod, wanted) is None:
        raise pod_of.not_valid(pod, wanted)
    return str(pod_of.container_of(call, pod, wanted, quiet=call.flags.quiet)["name"])


COMMAND = Command(
    name="exec",
    summary="Execute a command in a container",
    group="Troubleshooting and Debugging",
    use="exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    description="Run a command in a container, with its environment and in its folder.",
    examples=(
        ("One command in a pod's first container", "exec web -- date"),
        ("In a certain container", "exec web -c sidecar -- date"),
        ("A shell on this terminal", "exec -it web -- sh"),
        ("In the pod of a deployment that is most alive", "exec deploy/web -- date"),
    ),
    options=(
        pod_of.CONTAINER,
        Option("filename", LIST, short="f", help="A file with the object to enter.", complete="manifests"),
        pod_of.RUNNING_TIMEOUT,
        pod_of.QUIET,
        pod_of.STDIN,
        pod_of.TTY,
    ),
    complete="pods",
    run=run,
)
