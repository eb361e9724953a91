"""Objects made from flags: the pod of `run` and its Service. Source: kubectl `generate/versioned`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.names import env_name
from minikctl.kubectl import pairs
from minikctl.kubectl.flags import Flags
from minikctl.util.errors import UsageError


class GeneratorError(ValueError):
    """A flag's text makes no object; the message is kubectl's."""


def pod(name: str, args: Sequence[str], flags: Flags, restart: str) -> Obj:
    """The pod that `run` creates. Raises GeneratorError."""
    env = [_variable(text) for text in flags.env]
    try:
        annotations, _ = pairs.parse(flags.annotations, "annotations")
    except UsageError as e:
        raise GeneratorError(e.message) from None
    metadata: Obj = {"name": name, "labels": labels(flags.labels) if flags.labels else {"run": name}}
    if annotations:
        metadata["annotations"] = annotations
    container: Obj = {"name": name, "image": flags.image}
    if args:
        container["command" if flags.command else "args"] = list(args)
    if flags.port:
        container["ports"] = [{"containerPort": number(flags.port)}]
    if env:
        container["env"] = env
    if flags.image_pull_policy:
        container["imagePullPolicy"] = flags.image_pull_policy
    if flags.privileged:
        container["securityContext"] = {"privileged": True}
    if flags.stdin:
        container |= {"stdin": True, "stdinOnce": not flags.leave_stdin_open}
    if flags.tty:
        container["tty"] = True
    spec = {"containers": [container], "restartPolicy": restart, "dnsPolicy": "ClusterFirst"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec}


def service(name: str, flags: Flags) -> Obj:
    """The Service that `run --expose` adds. Raises GeneratorError."""
    metadata: Obj = {"name": name}
    if flags.labels:
        metadata["labels"] = labels(flags.labels)
    port = number(flags.port)
    spec = {
        "selector": labels(flags.labels) if flags.labels else {"run": name},
        "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
    }
    return {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": spec}


def labels(text: str) -> dict[str, str]:
    """`a=1,b=2`. Raises GeneratorError."""
    if not text:
        raise GeneratorError("no label spec passed")
    found: dict[str, str] = {}
    for part in text.split(","):
        words = part.split("=")
        if len(words) != 2:
            raise GeneratorError(f"unexpected label spec: {part}")
        if not words[0]:
            raise GeneratorError("unexpected empty label key")
        found[words[0]] = words[1]
    return found


def number(text: str) -> int:
    """Raises GeneratorError with Go's words."""
    try:
        value = int(text, 10)
        if text != text.strip() or "_" in text:
            raise ValueError
    except ValueError:
        raise GeneratorError(f'strconv.Atoi: parsing "{text}": invalid syntax') from None
    return value


def _variable(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name or env_name(name):
        raise GeneratorError(f"invalid env: {text}")
    return {"name": name, "value": value}
