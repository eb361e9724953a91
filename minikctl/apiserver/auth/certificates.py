"""Usages of certificates: the words of CertificateSigningRequests and the X.509 extensions that they mean.

Source: Kubernetes `k8s.io/api/certificates/v1` (KeyUsage), RFC 5280 sections 4.2.1.3 and 4.2.1.12.
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
