"""`set env --list`: a container's variables, and what their references stand for."""

from __future__ import annotations

import base64
import binascii

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.pod_values import ValueProblem, field_value, resource_value
from minikctl.kubectl.resolve import Target


def show(call: Invocation, obj: Obj, target: Target, container: Obj) -> bool:
    """Print the variables of one container; whether some reference could not be resolved."""
    call.out(f"# {target.kind.kind} {target.name}, container {container.get('name', '')}")
    failed: dict[str, list[str]] = {}
    for variable in container.get("env") or []:
        name, origin = variable["name"], variable.get("valueFrom")
        if origin is None:
            call.out(f"{name}={variable.get('value', '')}")
            continue
        if call.flags.resolve:
            try:
                call.out(f"{name}={value_of(call, obj, container, origin)}")
                continue
            except (ApiError, ValueProblem) as e:
                failed.setdefault(str(e), []).append(name)
        call.out(f"# {name} from {reference_text(origin)}")
    lines = [f"error retrieving reference for {', '.join(sorted(names))}: {why}" for why, names in failed.items()]
    for line in sorted(lines):
        call.err(line)
    return bool(failed)


def reference_text(origin: Obj) -> str:
    """`configmap settings, key color`."""
    for field, what in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
        if (reference := origin.get(field)) is not None:
            return f"{what} {reference.get('name', '')}, key {reference.get('key', '')}"
    if (reference := origin.get("fieldRef")) is not None:
        return f"field path {reference.get('fieldPath', '')}"
    if (reference := origin.get("resourceFieldRef")) is not None:
        prefix = f"{reference['containerName']}/" if reference.get("containerName") else ""
        return f"resource field {prefix}{reference.get('resource', '')}"
    return "invalid valueFrom"


def value_of(call: Invocation, obj: Obj, container: Obj, origin: Obj) -> str:
    """Raises ApiError, ValueProblem."""
    if (reference := origin.get("secretKeyRef")) is not None:
        encoded = _key(call, "secrets", "secret", reference)
        try:
            return base64.b64decode(encoded).decode("utf-8", "replace")
        except binascii.Error as e:
            raise ValueProblem(str(e)) from None
    if (reference := origin.get("configMapKeyRef")) is not None:
        return _key(call, "configmaps", "config map", reference)
    if (reference := origin.get("fieldRef")) is not None:
        return field_value(obj, reference.get("fieldPath", ""))
    if (reference := origin.get("resourceFieldRef")) is not None:
        return resource_value(container, reference)
    raise ValueProblem("invalid valueFrom")


def _key(call: Invocation, resource: str, word: str, reference: Obj) -> str:
    name, key = reference.get("name", ""), reference.get("key", "")
    data = call.client.get(resource, name, call.namespace).get("data") or {}
    if key not in data:
        raise ValueProblem(f"key {key} not found in {word} {name}")
    return str(data[key])
