"""What `create service clusterip|nodeport|loadbalancer|externalname` share. Source: kubectl `create_service.go`."""

from __future__ import annotations

import re

from minikctl.api.meta import Obj
from minikctl.api.names import port_name, port_number
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import LIST, Option
from minikctl.kubectl.generating import new, submit
from minikctl.util.errors import UsageError

TCP = Option("tcp", LIST, help="Port of the service and of the pods, PORT[:TARGETPORT]; may be repeated.")
_MAX_UINT16 = 65535


def create(call: Invocation, name: str, kind: str, **spec: object) -> None:
    """Create a service of type `kind` that selects `app=NAME`. Raises UsageError, ApiError."""
    node_port = call.flags.get("node-port") or 0
    ports = [service_port(text, node_port) for text in call.flags.tcp]
    labels = {"app": name}
    body = {"ports": ports, "selector": labels, "type": kind, **spec}
    obj = new(call, "v1", "Service", name, spec=body)
    obj["metadata"]["labels"] = labels
    submit(call, obj, failure=f"failed to create {kind} service: ")


def require_tcp(call: Invocation) -> None:
    if not call.flags.tcp:
        raise UsageError("at least one tcp port specifier must be provided")


def service_port(text: str, node_port: int = 0) -> Obj:
    """`80:8080`, `443`, `80:http` as a port of a service. Raises UsageError."""
    number, _, rest = text.partition(":")
    port = _uint16(number)
    target: int | str = port
    if ":" in text:
        target = _target(rest.split(":")[0])
    made = {"name": text.replace(":", "-"), "port": port, "protocol": "TCP", "targetPort": target}
    return made | {"nodePort": node_port} if node_port else made


def _uint16(text: str) -> int:
    """Go's ParseUint, with its errors."""
    if not re.fullmatch("[0-9]+", text):
        raise UsageError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > _MAX_UINT16:
        raise UsageError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def _target(text: str) -> int | str:
    if re.fullmatch("[-+]?[0-9]+", text):
        if wrong := port_number(int(text)):
            raise UsageError(",".join(wrong))
        return int(text)
    if wrong := port_name(text):
        raise UsageError(",".join(wrong))
    return text
