"""`kubectl create secret tls`."""

from __future__ import annotations

from pathlib import Path

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, required_name, secrets, submit
from minikctl.kubectl.generating.key_values import APPEND_HASH, os_reason
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    name = required_name(call)
    if not call.flags.key or not call.flags.cert:
        raise UsageError("key and cert must be specified")
    cert, key = _read(call, call.flags.cert), _read(call, call.flags.key)
    secrets.check_key_pair(cert, key)
    data = secrets.Data()
    data.add("tls.crt", cert)
    data.add("tls.key", key)
    submit(call, data.build(call, name, "kubernetes.io/tls"), failure="failed to create secret ")


def _read(call: Invocation, path: str) -> bytes:
    try:
        return Path(call.env.cwd, path).read_bytes()
    except OSError as e:
        raise UsageError(f"Cannot read file {path}, open {path}: {os_reason(e)}") from None


COMMAND = Command(
    name="tls",
    summary="Create a TLS secret",
    use="create secret tls NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
    description=(
        "Create a TLS secret of a certificate and its private key, both PEM files that are there already. "
        "The certificate must belong to the key."
    ),
    examples=(("A certificate for a web server", "create secret tls web-tls --cert=web.crt --key=web.key"),),
    options=(
        *GENERATOR_OPTIONS,
        APPEND_HASH,
        Option("cert", help="Path of the PEM file with the certificate.", complete="files"),
        Option("key", help="Path of the PEM file with the private key.", complete="files"),
    ),
    run=run,
)
