"""Requests for certificates: what they ask for, which the built-in signers take, and what their usages mean in X.509.

Source: Kubernetes concept "Certificates and Certificate Signing Requests", `pkg/apis/certificates/helpers.go`,
`k8s.io/api/certificates/v1` (KeyUsage); RFC 5280 sections 4.2.1.3 and 4.2.1.12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "data encipherment": "data_encipherment",
    "key agreement": "key_agreement",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
"""Word → the name of the bit; `signing` and `digital signature` are the same."""
EXTENDED = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}


def usage_extensions(usages: Sequence[str]) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """(extension, critical) for the usages; unknown words say nothing."""
    from cryptography import x509

    bits = {KEY_USAGES[u] for u in usages if u in KEY_USAGES}
    if bits:
        named = {bit: bit in bits for bit in dict.fromkeys(KEY_USAGES.values())}
        if not named["key_agreement"]:  # the two bits have no meaning without it, and X.509 has no way to say them
            named |= {"encipher_only": False, "decipher_only": False}
        yield x509.KeyUsage(**named), True
    purposes = list(dict.fromkeys(EXTENDED[u] for u in usages if u in EXTENDED))
    if purposes:
        yield x509.ExtendedKeyUsage([x509.ObjectIdentifier(p) for p in purposes]), False


# ---------------------------------------------------------------------- requests


def parse_request(pem: bytes) -> x509.CertificateSigningRequest:
    """Raises ValueError."""
    from cryptography import x509

    request = x509.load_pem_x509_csr(pem)
    if not request.is_signature_valid:
        raise ValueError("the request is not signed with its own key")
    return request


def organizations(request: x509.CertificateSigningRequest) -> list[str]:
    from cryptography.x509.oid import NameOID

    return [str(a.value) for a in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def common_name(request: x509.CertificateSigningRequest) -> str:
    from cryptography.x509.oid import NameOID

    return next((str(a.value) for a in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def alternative_names(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    from cryptography import x509

    try:
        return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


# ---------------------------------------------------------------------- the built-in signers

KUBE_APISERVER_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
SIGNERS = (KUBE_APISERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING)
_OPTIONAL_FOR_CLIENTS = ("digital signature", "key encipherment")
_NODES, _NODE = "system:nodes", "system:node:"


def problem(signer: str, request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:
    """Why a built-in signer does not sign this; empty when it does."""
    if signer == KUBE_APISERVER_CLIENT:
        return _client_usages(usages)
    purpose = "client auth" if signer == KUBELET_CLIENT else "server auth"
    return _node_identity(request) or _node_names(signer, request) or _node_usages(usages, purpose)


def _client_usages(usages: Sequence[str]) -> str:
    for usage in usages:
        if usage not in (*_OPTIONAL_FOR_CLIENTS, "client auth"):
            return f"invalid usage for client certificate: {usage}"
    return "" if "client auth" in usages else "missing required usage for client certificate: client auth"


def _node_identity(request: x509.CertificateSigningRequest) -> str:
    if organizations(request) != [_NODES]:
        return f"subject organization is not {_NODES}"
    if not common_name(request).startswith(_NODE):
        return f"subject common name does not begin with {_NODE}"
    return ""


def _node_names(signer: str, request: x509.CertificateSigningRequest) -> str:
    from cryptography import x509

    names = alternative_names(request)
    kinds = (
        ("DNS", x509.DNSName),
        ("IP", x509.IPAddress),
        ("Email", x509.RFC822Name),
        ("URI", x509.UniformResourceIdentifier),
    )
    present = [title for title, kind in kinds if names is not None and names.get_values_for_type(kind)]
    if signer == KUBELET_SERVING and not {"DNS", "IP"} & set(present):
        return "DNS or IP subjectAltName is required"
    unwanted = ("Email", "URI") if signer == KUBELET_SERVING else ("DNS", "IP", "Email", "URI")
    return next((f"{title} subjectAltNames are not allowed" for title in unwanted if title in present), "")


def _node_usages(usages: Sequence[str], purpose: str) -> str:
    if set(usages) in ({"digital signature", purpose}, {"digital signature", "key encipherment", purpose}):
        return ""
    return f"usages did not match [{' '.join(sorted(('digital signature', 'key encipherment', purpose)))}]"
