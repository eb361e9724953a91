"""`kubectl port-forward`. Source: kubectl `pkg/cmd/portforward`, `pkg/util/service_port.go`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition_is, is_deleting, name, namespace
from minikctl.kubectl import pod_of
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, LIST, Option
from minikctl.kubectl.forwarding import Forwarder, parse_addresses, parse_ports
from minikctl.kubectl.waiting import Deadline, TimedOut
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    if len(call.args) < 2:
        raise call.usage_error("TYPE/NAME and list of ports are required for port-forward")
    if call.flags.pod_running_timeout <= 0:
        raise call.usage_error("--pod-running-timeout must be higher than zero")
    pod, words = _chosen(call)
    forwarder = Forwarder(call, name(pod), namespace(pod), parse_addresses(call.flags.address), parse_ports(words))
    try:
        forwarder.open()
        forwarder.listen()
        forwarder.serve(partial(_next, call) if call.flags.reconnect else None)
    except KeyboardInterrupt:
        pass
    finally:
        forwarder.close()


def _chosen(call: Invocation) -> tuple[Obj, list[str]]:
    """A running pod of what the words name now, and the ports as numbers of its own. Raises UsageError, ApiError."""
    target = pod_of.target_of(call, call.args[:1])
    pod = pod_of.pod_to_enter(call, target, call.flags.pod_running_timeout)
    words = call.args[1:]
    if target.kind.resource == "services":
        service = target.obj or {}
        _refuse_udp(words, service["spec"].get("ports") or [], "port", lambda p: service_port(service, p))
        words = [_joined(*_of_service(service, pod, word)) for word in words]
    else:
        ports = [p for c in _containers(pod) for p in c.get("ports") or []]
        _refuse_udp(words, ports, "containerPort", lambda p: container_port(pod, p))
        words = [_joined(*_of_pod(pod, word)) for word in words]
    pod = call.client.get("pods", name(pod), namespace(pod))
    phase = (pod.get("status") or {}).get("phase", "")
    if phase != "Running":
        raise UsageError(f"unable to forward port because pod is not running. Current status={phase}")
    return pod, words


def _next(call: Invocation) -> tuple[str, list[int]]:
    """The pod to go on with and the numbers of its ports, as soon as there is one that runs and stays. Raises what
    stands in the way when --pod-running-timeout is over."""
    deadline = Deadline(call, call.flags.pod_running_timeout)
    while True:
        problem: Exception = UsageError("there is no pod that runs")
        try:
            pod, words = _chosen(call)
            if condition_is(pod, "Ready") and not is_deleting(pod):
                return name(pod), [port.remote for port in parse_ports(words)]
        except (ApiError, UsageError) as e:
            problem = e
        try:
            deadline.left()
        except TimedOut:
            raise problem from None
        time.sleep(0.2)


# ---------------------------------------------------------------------- which ports


def _split(word: str) -> tuple[str, str]:
    """(local, remote) of one argument."""
    parts = word.split(":")
    return (parts[0], parts[1]) if len(parts) == 2 else (parts[0], parts[0])


def _joined(local: str, remote: str) -> str:
    return remote if local == remote else f"{local}:{remote}"


def _of_pod(pod: Obj, word: str) -> tuple[str, str]:
    local, remote = _split(word)
    if not remote:
        raise UsageError("remote port cannot be empty")
    number = remote if _is_number(remote) else str(container_port(pod, remote))
    return (number if local == remote else local), number


def _of_service(service: Obj, pod: Obj, word: str) -> tuple[str, str]:
    local, remote = _split(word)
    number = int(remote) if _is_number(remote) else service_port(service, remote)
    if local == remote:
        local = str(number)
    return local, str(target_port(service, pod, number))


def _is_number(text: str) -> bool:
    return text.removeprefix("-").removeprefix("+").isdigit()


def service_port(service: Obj, wanted: str) -> int:
    """The number of a service's port. Raises UsageError."""
    for port in service["spec"].get("ports") or []:
        if port.get("name", "") == wanted:
            return int(port["port"])
    raise UsageError(f"Service '{name(service)}' does not have a named port '{wanted}'")


def container_port(pod: Obj, wanted: str) -> int:
    """The number of a pod's port. Raises UsageError."""
    for container in _containers(pod):
        for port in container.get("ports") or []:
            if port.get("name", "") == wanted:
                return int(port["containerPort"])
    raise UsageError(f"Pod '{name(pod)}' does not have a named port '{wanted}'")


def _containers(pod: Obj) -> list[Obj]:
    """Those whose ports stay open: the main ones and the sidecars."""
    sidecars = [c for c in pod["spec"].get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    return [*pod["spec"]["containers"], *sidecars]


def target_port(service: Obj, pod: Obj, number: int) -> int:
    """Where a service's port leads in this pod. Raises UsageError."""
    for port in service["spec"].get("ports") or []:
        if port["port"] != number:
            continue
        target = port.get("targetPort") or number
        if service["spec"].get("clusterIP") == "None":
            return number
        return target if isinstance(target, int) else container_port(pod, str(target))
    raise UsageError(f"Service {name(service)} does not have a service port {number}")


def _refuse_udp(words: Sequence[str], ports: list[Obj], key: str, find: Callable[[str], int]) -> None:
    """Raises UsageError for a port that is UDP's alone."""
    numbers = {p: {int(x[key]) for x in ports if x.get("protocol", "TCP") == p} for p in ("UDP", "TCP")}
    for word in words:
        _, remote = _split(word)
        number = int(remote) if _is_number(remote) else find(remote)
        if number in numbers["UDP"] - numbers["TCP"]:
            raise UsageError(f"UDP protocol is not supported for {remote}")


COMMAND = Command(
    name="port-forward",
    summary="Forward one or more local ports to a pod",
    group="Troubleshooting and Debugging",
    use="port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    description="Listen on local ports and pass every connection on to a port of a pod, until Ctrl-C or until the pod "
    "is lost. Of a workload or service with several pods, one is chosen.",
    examples=(
        ("Ports 5000 and 6000 of a pod at the same local ports", "port-forward pod/web 5000 6000"),
        ("Port 80 of a deployment's pod at local port 8080", "port-forward deploy/web 8080:80"),
        ("The target of a service's port by its name", "port-forward service/web 8443:https"),
        ("Any free local port", "port-forward pod/web :80"),
        ("Through roll-outs of a deployment", "port-forward --reconnect deploy/web 8080:80"),
        ("Reachable from other machines", "port-forward --address 0.0.0.0 pod/web 8080:80"),
    ),
    options=(
        Option(
            "address",
            LIST,
            default=["localhost"],
            help="Addresses to listen on, with commas between them: IP addresses, or localhost for 127.0.0.1 and ::1, "
            "of which one must be free.",
        ),
        pod_of.RUNNING_TIMEOUT,
        Option(
            "reconnect",
            BOOL,
            help="When the pod is lost, go on with the one that comes in its place (kubectl has no such flag).",
        ),
    ),
    complete="pods+ports",
    run=run,
)
