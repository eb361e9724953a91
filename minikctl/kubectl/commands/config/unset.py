"""`kubectl config unset`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.kubeconfig import access
from minikctl.kubectl.kubeconfig.properties import changed
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise access.wrong_arguments(call)
    name = call.args[0]
    if not name:
        raise UsageError("you must specify a property")
    files = access.of(call)
    before = files.start()
    files.modify(before, changed(before, name, None))
    call.out(f'Property "{name}" unset.')


COMMAND = Command(
    name="unset",
    summary="Unset an individual value in a kubeconfig file",
    description=(
        "Unset an individual value in a kubeconfig file.\n\n"
        "PROPERTY_NAME is a dot delimited name where each token represents either an attribute name or a map key.  "
        "Map keys may not contain dots."
    ),
    examples=(
        ("Unset the current-context", "kubectl config unset current-context"),
        ("Unset namespace in foo context", "kubectl config unset contexts.foo.namespace"),
    ),
    use="unset PROPERTY_NAME [options]",
    run=run,
)
