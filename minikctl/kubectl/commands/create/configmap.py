"""`kubectl create configmap`."""

from __future__ import annotations

import base64

from minikctl.api.meta import Obj, with_metadata
from minikctl.api.names import config_key
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.generating import GENERATOR_OPTIONS, key_values, new, required_name, submit
from minikctl.kubectl.name_hash import config_map_hash
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    obj = build(call, required_name(call))
    submit(call, obj, failure="failed to create configmap: ")


def build(call: Invocation, name: str) -> Obj:
    """The ConfigMap that the flags describe. Raises UsageError."""
    key_values.check(call)
    data: dict[str, str] = {}
    binary: dict[str, str] = {}

    def add(key: str, value: bytes) -> None:
        if wrong := config_key(key):
            raise UsageError(f'"{key}" is not a valid key name for a ConfigMap: {",".join(wrong)}')
        for taken, field in ((data, "Data"), (binary, "BinaryData")):
            if key in taken:
                raise UsageError(
                    f'cannot add key "{key}", another key by that name already exists in {field} for ConfigMap "{name}"'
                )
        try:
            data[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(value).decode()

    key_values.from_files(call, add)
    key_values.from_literals(call, add)
    key_values.from_env_files(call, add, "config")
    obj = new(call, "v1", "ConfigMap", name, data=data, binaryData=binary)
    if call.flags.append_hash:
        obj = with_metadata(obj, name=f"{name}-{config_map_hash(name, data, binary)}")
    return obj


COMMAND = Command(
    name="configmap",
    summary="Create a config map from a local file, directory or literal value",
    use="create configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    aliases=("cm",),
    description=(
        "Create a config map of one or more keys. A file becomes one key, called as the file unless another key is "
        "given; a folder becomes one key for each regular file in it whose name can be a key."
    ),
    examples=(
        ("Every file of a folder", "create configmap settings --from-file=etc/"),
        ("One file, under a key of another name", "create configmap settings --from-file=nginx.conf=etc/web.conf"),
        ("Two values", "create configmap settings --from-literal=colour=blue --from-literal=size=10"),
        ("The variables of an env file", "create configmap settings --from-env-file=app.env"),
    ),
    options=(*GENERATOR_OPTIONS, *key_values.options("config map")),
    run=run,
)
