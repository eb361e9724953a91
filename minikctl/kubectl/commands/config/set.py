"""`kubectl config set`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig import access
from minikctl.kubectl.kubeconfig.properties import changed
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 2:
        raise access.wrong_arguments(call)
    name, value = call.args
    if not value:
        raise UsageError("you cannot use set to unset a property")
    if not name:
        raise UsageError("you must specify a property")
    files = access.of(call)
    before = files.start()
    files.modify(before, changed(before, name, value, raw_bytes=call.flags.set_raw_bytes))
    call.out(f'Property "{name}" set.')


COMMAND = Command(
    name="set",
    summary="Set an individual value in a kubeconfig file",
    description=(
        "Set an individual value in a kubeconfig file.\n\n"
        "PROPERTY_NAME is a dot delimited name where each token represents either an attribute name or a map key.  "
        "Map keys may not contain dots.\n\n"
        "PROPERTY_VALUE is the new value you want to set. Binary fields such as 'certificate-authority-data' expect a "
        "base64 encoded string unless the --set-raw-bytes flag is used."
    ),
    examples=(
        (
            "Set the server field on the my-cluster cluster to https://1.2.3.4",
            "kubectl config set clusters.my-cluster.server https://1.2.3.4",
        ),
        (
            "Set the cluster field in the my-context context to my-cluster",
            "kubectl config set contexts.my-context.cluster my-cluster",
        ),
    ),
    use="set PROPERTY_NAME PROPERTY_VALUE [options]",
    options=(Option("set-raw-bytes", BOOL, help="Write a binary value as it is given, without decoding base64."),),
    run=run,
)
