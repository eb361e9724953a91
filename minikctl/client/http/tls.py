"""TLS for a client: trust, the client's own certificate, and Go's words for what does not fit."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime

from minikctl.util.errors import UsageError


def context(ca: bytes, insecure: bool, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """Raises UsageError for certificates and keys that are none."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca:
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # any given certificate is trusted, not only roots: as in Go
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            made.load_verify_locations(cadata=ca.decode())
        except (ssl.SSLError, ValueError):
            raise UsageError("unable to load root certificates: unable to parse bytes as PEM block") from None
    else:
        made.load_default_certs()
    if certificate:
        with _file(certificate + b"\n" + key) as path:
            try:
                made.load_cert_chain(path)
            except (ssl.SSLError, OSError):
                raise UsageError("tls: failed to find any PEM data in certificate input") from None
    return made


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file that only we can read and that is gone afterwards: Python's ssl takes keys from files only."""
    fd, path = tempfile.mkstemp(prefix="minikctl-")
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(content)
        yield path
    finally:
        os.unlink(path)


def why_refused(error: ssl.SSLError, host: str, certificate: bytes | None) -> str:
    """The handshake's failure in Go's words. `certificate`: the server's, DER, when it could be had."""
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {_why_distrusted(error, host, certificate)}"
    if error.reason and error.reason.startswith(("TLSV1_ALERT", "SSLV3_ALERT", "TLSV13_ALERT")):
        words = error.reason.partition("ALERT_")[2].lower().replace("_", " ")
        return f"remote error: tls: {_ALERTS.get(words, words)}"
    return f"tls: {error.reason or error}"


_ALERTS = {
    "unknown ca": "unknown certificate authority",
    "handshake failure": "handshake failure",
    "certificate required": "certificate required",
    "bad certificate": "bad certificate",
}
_EXPIRED, _NOT_YET, _HOSTNAME, _ADDRESS = 10, 9, 62, 64


def _why_distrusted(error: ssl.SSLCertVerificationError, host: str, certificate: bytes | None) -> str:
    if certificate is None:
        return "certificate signed by unknown authority"
    from cryptography import x509

    shown = x509.load_der_x509_certificate(certificate)
    if error.verify_code in (_EXPIRED, _NOT_YET):
        now = datetime.now(UTC)
        after = shown.not_valid_after_utc if error.verify_code == _EXPIRED else shown.not_valid_before_utc
        word = "after" if error.verify_code == _EXPIRED else "before"
        return (
            f"certificate has expired or is not yet valid: current time {now:%Y-%m-%dT%H:%M:%SZ} "
            f"is {word} {after:%Y-%m-%dT%H:%M:%SZ}"
        )
    if error.verify_code not in (_HOSTNAME, _ADDRESS):
        return "certificate signed by unknown authority"
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "certificate relies on legacy Common Name field, use SANs instead"
    addresses = [str(a) for a in names.get_values_for_type(x509.IPAddress)]
    if error.verify_code == _ADDRESS:
        if not addresses:
            return f"cannot validate certificate for {host} because it doesn't contain any IP SANs"
        return f"certificate is valid for {', '.join(addresses)}, not {host}"
    known = names.get_values_for_type(x509.DNSName)
    if not known:
        return f"certificate is not valid for any names, but wanted to match {host}"
    return f"certificate is valid for {', '.join(known)}, not {host}"
