"""`kubectl certificate approve`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.certificate import _deciding

CONDITION = {
    "type": "Approved",
    "reason": "KubectlApprove",
    "message": "This CSR was approved by kubectl certificate approve.",
}


def run(call: Invocation) -> None:
    _deciding.decide(call, CONDITION, "Denied", "approved")


COMMAND = Command(
    name="approve",
    summary="Approve a certificate signing request",
    use="approve (-f FILENAME | NAME)",
    description=(
        "Approve a certificate signing request. This tells the signer to issue the certificate as it was asked for.\n\nA certificate can give its owner access to the cluster, or the identity of somebody else: look at what a request asks "
        "for before you approve it."
    ),
    examples=(("Approve the request csr-sqgzp", "certificate approve csr-sqgzp"),),
    options=_deciding.options("approved"),
    complete="names:certificatesigningrequests",
    run=run,
)
