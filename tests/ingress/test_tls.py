"""TLS at the engine: certificates by name, those that do not parse, and handshakes that are none."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.ingress.engine.tls import BadCertificate, Certificates, context
from minikctl.ingress.model import Certificate
from minikctl.ingress.process import COMMON_NAME, default_certificate
from tests.ingress.rig import Rig, read_all


def made(name: str) -> Certificate:
    """A self-signed certificate for a name."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(title, title, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return Certificate(f"default/{name}", builder.sign(key, hashes.SHA256()).public_bytes(pem), private)


@pytest.fixture(scope="module")
def pairs() -> dict[str, Certificate]:
    return {n: made(n) for n in ("default", "one.example.com", "*.example.com")}


@pytest.fixture
def rig(pairs: dict[str, Certificate]) -> Iterator[Rig]:
    certificates = Certificates(context(pairs["default"]))
    certificates.use({n: context(c) for n, c in pairs.items() if n != "default"})
    found = Rig(certificates)
    yield found
    found.close()


def fetch(rig: Rig, name: str, pem: bytes) -> bytes:
    """Raises ssl.SSLError when the certificate is not that one."""
    trusting = ssl.create_default_context(cadata=pem.decode())
    trusting.check_hostname = False
    with rig.client(rig.secure_port) as sock, trusting.wrap_socket(sock, server_hostname=name) as secure:
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return read_all(secure)


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("one.example.com", "one.example.com"),
        ("ONE.example.com", "one.example.com"),
        ("two.example.com", "*.example.com"),
        ("deep.two.example.com", "default"),
        ("other.org", "default"),
    ],
)
def test_the_certificate_is_chosen_by_name(rig: Rig, pairs: dict[str, Certificate], name: str, served: str) -> None:
    rig.route(rig.saying("ok"))
    assert fetch(rig, name, pairs[served].chain).endswith(b"ok")
    other = next(c for n, c in pairs.items() if n != served)
    with pytest.raises(ssl.SSLCertVerificationError):
        fetch(rig, name, other.chain)


def test_what_the_endpoint_is_told(rig: Rig, pairs: dict[str, Certificate]) -> None:
    rig.route(rig.answering(b"HTTP/1.1 204 No Content\r\n\r\n"))
    fetch(rig, "one.example.com", pairs["one.example.com"].chain)
    sent = rig.requests[0]
    assert (sent.get("X-Forwarded-Proto"), sent.get("X-Forwarded-Port")) == ("https", str(rig.secure_port))


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff", b""])
def test_handshakes_that_are_none(rig: Rig, pairs: dict[str, Certificate], raw: bytes) -> None:
    rig.route(rig.saying("ok"))
    with rig.client(rig.secure_port) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        try:
            assert b"HTTP/1.1 200" not in read_all(sock)
        except ConnectionResetError:
            pass
    assert fetch(rig, "one.example.com", pairs["one.example.com"].chain).endswith(b"ok")


@pytest.mark.parametrize(
    ("chain", "key", "problem"),
    [
        (b"junk", b"junk", "tls.crt or tls.key is not PEM, or is damaged"),
        (b"", b"", "tls.crt or tls.key is not PEM, or is damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x", "is not PEM, or is damaged"),
        (b"own", b"other", "the key is not the certificate's"),
        (b"own", b"encrypted", "is not PEM, or is damaged"),
    ],
)
def test_certificates_that_cannot_be_used(
    pairs: dict[str, Certificate], chain: bytes, key: bytes, problem: str
) -> None:
    own, other = pairs["one.example.com"], pairs["default"]
    encrypted = b""
    if key == b"encrypted":
        command = ["openssl", "pkcs8", "-topk8", "-passout", "pass:secret"]
        try:
            encrypted = subprocess.run(command, input=own.key, capture_output=True, check=True).stdout
        except FileNotFoundError:
            pytest.skip("openssl is not installed")
    chosen = {b"other": other.key, b"encrypted": encrypted}.get(key, key)
    with pytest.raises(BadCertificate, match=problem):
        context(Certificate("default/x", own.chain if chain == b"own" else chain, chosen))


def test_the_default_certificate_is_made_once(tmp_path: Path) -> None:
    first = default_certificate(tmp_path)
    assert default_certificate(tmp_path) == first
    assert (tmp_path / "pki" / "ingress.key").stat().st_mode & 0o777 == 0o600
    from cryptography import x509

    assert COMMON_NAME in x509.load_pem_x509_certificate(first.chain).subject.rfc4514_string()
    context(first)
