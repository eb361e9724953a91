"""`kubectl certificate deny`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.certificate import _deciding

CONDITION = {
    "type": "Denied",
    "reason": "KubectlDeny",
    "message": "This CSR was denied by kubectl certificate deny.",
}


def run(call: Invocation) -> None:
    _deciding.decide(call, CONDITION, "Approved", "denied")


COMMAND = Command(
    name="deny",
    summary="Deny a certificate signing request",
    use="deny (-f FILENAME | NAME)",
    description=("Deny a certificate signing request. This tells the signer not to issue the certificate."),
    examples=(("Deny the request csr-sqgzp", "certificate deny csr-sqgzp"),),
    options=_deciding.options("denied"),
    complete="names:certificatesigningrequests",
    run=run,
)
