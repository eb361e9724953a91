"""`kubectl config set-cluster`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig import access, embed
from minikctl.util.errors import UsageError

CA, CA_DATA, INSECURE = "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise access.wrong_arguments(call)
    name = call.args[0]
    _check(call, name)
    files = access.of(call)
    before = files.start()
    entry = changed(call, before.clusters.get(name, {}))
    files.modify(before, replace(before, clusters={**before.clusters, name: entry}))
    call.out(f'Cluster "{name}" set.')


def _check(call: Invocation, name: str) -> None:
    flags = call.flags
    authority = flags.get(CA)
    if not name:
        raise UsageError("you must specify a non-empty cluster name")
    if flags.get(INSECURE) and authority:
        raise UsageError("you cannot specify a certificate authority and insecure mode at the same time")
    if flags.embed_certs:
        if not authority:
            raise UsageError(f"you must specify a --{CA} to embed")
        embed.check(call, CA, authority)


def changed(call: Invocation, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with what the flags say; one way of trusting the server replaces the other."""
    flags, out = call.flags, dict(entry)
    if flags.changed("server"):
        out |= {"server": flags.server, "tls-server-name": ""}
    if flags.changed("tls-server-name"):
        out["tls-server-name"] = flags.tls_server_name
    if flags.changed(INSECURE):
        out[INSECURE] = flags.get(INSECURE)
        if out[INSECURE]:
            out |= {CA: "", CA_DATA: ""}
    if flags.changed(CA):
        if flags.embed_certs:
            out |= {CA_DATA: embed.content(call, flags.get(CA)), CA: "", INSECURE: False}
        else:
            out |= {CA: embed.absolute(call, flags.get(CA)), CA_DATA: "", INSECURE: False}
    if flags.changed("proxy-url"):
        out["proxy-url"] = flags.proxy_url
    return out


COMMAND = Command(
    name="set-cluster",
    summary="Set a cluster entry in kubeconfig",
    description=(
        "Set a cluster entry in kubeconfig.\n\n"
        "Specifying a name that already exists will merge new fields on top of existing values for those fields."
    ),
    examples=(
        (
            "Set only the server field on the e2e cluster entry without touching other values",
            "kubectl config set-cluster e2e --server=https://1.2.3.4",
        ),
        (
            "Embed certificate authority data for the e2e cluster entry",
            "kubectl config set-cluster e2e --embed-certs --certificate-authority=~/.kube/e2e/kubernetes.ca.crt",
        ),
        (
            "Disable cert checking for the e2e cluster entry",
            "kubectl config set-cluster e2e --insecure-skip-tls-verify=true",
        ),
    ),
    use=(
        "set-cluster NAME [--server=server] [--certificate-authority=path/to/certificate/authority] "
        "[--insecure-skip-tls-verify=true] [--tls-server-name=example.com] [options]"
    ),
    options=(
        Option("server", help="The address of the server."),
        Option("tls-server-name", help="The name that the server's certificate carries."),
        Option(INSECURE, BOOL, help="Do not check the server's certificate."),
        Option(CA, help="File with the certificate of the server's authority."),
        Option("embed-certs", BOOL, help="Put the certificate itself into the file."),
        Option("proxy-url", help="The proxy on the way to the server."),
    ),
    complete="kubeconfig:clusters",
    run=run,
)
