"""TLS: certificates from Secrets, chosen by the name that the client asks for."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from minikctl.ingress.model import Certificate


class BadCertificate(ValueError):
    """It does not parse, or the key belongs to another: a sentence that says so."""


def context(certificate: Certificate) -> ssl.SSLContext:
    """For servers. Raises BadCertificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    try:
        with _file(certificate.chain) as chain, _file(certificate.key) as key:
            made.load_cert_chain(chain.path, key.path, password=lambda: "")
    except ssl.SSLError as e:
        mismatch = e.reason == "KEY_VALUES_MISMATCH"
        reason = "the key is not the certificate's" if mismatch else "tls.crt or tls.key is not PEM, or is damaged"
        raise BadCertificate(f'secret "{certificate.origin}" cannot be used: {reason}') from None
    except (OSError, ValueError) as e:
        raise BadCertificate(f'secret "{certificate.origin}": {e}') from None
    return made


class _file:
    """Bytes as a file without a disk: the library only reads files, and keys have no business on disks."""

    def __init__(self, data: bytes):
        self.fd = os.memfd_create("pem", os.MFD_CLOEXEC)
        os.write(self.fd, data)
        self.path = f"/proc/self/fd/{self.fd}"

    def __enter__(self) -> _file:
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self.fd)


class Certificates:
    """What the engine serves HTTPS with: one listening context, others by name. Swapped whole."""

    def __init__(self, default: ssl.SSLContext):
        self._contexts: Mapping[str, ssl.SSLContext] = {}
        default.sni_callback = self._choose
        self.listening = default

    def use(self, contexts: Mapping[str, ssl.SSLContext]) -> None:
        self._contexts = contexts

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        found = self.find(name)
        if found is not None:
            connection.context = found

    def find(self, name: str | None) -> ssl.SSLContext | None:
        """That of a name: its own, that of the wildcard for it, that for any name."""
        wanted = (name or "").lower().rstrip(".")
        found = self._contexts.get(wanted) if wanted else None
        if found is None and "." in wanted:
            found = self._contexts.get("*" + wanted[wanted.index(".") :])
        return found or self._contexts.get("")
