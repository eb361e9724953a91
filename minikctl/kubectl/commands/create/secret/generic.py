"""`kubectl create secret generic`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, key_values, required_name, secrets, submit


def run(call: Invocation) -> None:
    name = required_name(call)
    key_values.check(call)
    data = secrets.Data()
    key_values.from_literals(call, data.add)
    key_values.from_files(call, data.add)
    key_values.from_env_files(call, data.add, "secret")
    submit(call, data.build(call, name, call.flags.type), failure="failed to create secret ")


COMMAND = Command(
    name="generic",
    summary="Create a secret from a local file, directory, or literal value",
    use=(
        "create secret generic NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] "
        "[--dry-run=server|client|none]"
    ),
    description=(
        "Create a secret of one or more keys. A file becomes one key, called as the file unless another key is given; "
        "a folder becomes one key for each regular file in it whose name can be a key."
    ),
    examples=(
        ("Two values", "create secret generic creds --from-literal=user=admin --from-literal=password=geheim"),
        ("A file, under a key of another name", "create secret generic ssh --from-file=ssh-privatekey=~/.ssh/id_rsa"),
        ("The variables of two env files", "create secret generic app --from-env-file=a.env --from-env-file=b.env"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        *key_values.options("secret"),
        Option("type", help="The type of the secret; Opaque when none is given."),
    ),
    run=run,
)
