"""`kubectl create secret docker-registry`."""

from __future__ import annotations

import base64

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import LIST, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, key_values, required_name, secrets, submit
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import go_json

KEY = ".dockerconfigjson"
DOCKER_HUB = "https://index.docker.io/v1/"


def run(call: Invocation) -> None:
    flags, name = call.flags, required_name(call)
    if not flags.from_file and not (flags.docker_username and flags.docker_password and flags.docker_server):
        raise UsageError(
            "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required"
        )
    data = secrets.Data()
    if flags.from_file:
        flags.set("from-file", [f if "=" in f else f"{KEY}={f}" for f in flags.from_file])
        key_values.from_files(call, data.add)
    else:
        config = docker_config(flags.docker_server, flags.docker_username, flags.docker_password, flags.docker_email)
        data.add(KEY, config.encode())
    submit(call, data.build(call, name, "kubernetes.io/dockerconfigjson"), failure="failed to create secret ")


def docker_config(server: str, user: str, password: str, email: str) -> str:
    """The text of a `~/.docker/config.json` with one registry."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    entry = {"username": user, "password": password, "email": email, "auth": auth}
    return go_json({"auths": {server: {k: v for k, v in entry.items() if v}}})


COMMAND = Command(
    name="docker-registry",
    summary="Create a secret for use with a Docker registry",
    use=(
        "create secret docker-registry NAME --docker-username=user --docker-password=password --docker-email=email "
        "[--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]"
    ),
    description=(
        "Create a secret with which nodes pull images from a registry that asks for a login: from a user and password, "
        "or from a Docker configuration file. A service account or a pod names it in imagePullSecrets."
    ),
    examples=(
        (
            "A login for a registry",
            "create secret docker-registry pull --docker-server=registry.example.com --docker-username=bob --docker-password=pw",
        ),
        ("From Docker's own file", "create secret docker-registry pull --from-file=~/.docker/config.json"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        key_values.APPEND_HASH,
        Option("docker-email", help="Mail address for the registry."),
        Option("docker-password", help="Password for the registry."),
        Option("docker-server", default=DOCKER_HUB, help="Address of the registry."),
        Option("docker-username", help="User name for the registry."),
        Option("from-file", LIST, help=f"Docker configuration file, [key=]path; the key should be {KEY}."),
    ),
    run=run,
)
