"""A served cluster, its HTTP client, and servers that misbehave."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from minikctl.client.http import Endpoint, HttpClient
from tests.support.cluster import TestCluster
from tests.support.http import serving


@pytest.fixture
def live(tmp_path: Path) -> Iterator[TestCluster]:
    made = TestCluster(tmp_path / "state", live=True)
    yield made
    made.close()


@pytest.fixture
def url(live: TestCluster) -> Iterator[str]:
    with serving(live) as found:
        yield found


@pytest.fixture
def client(url: str) -> Iterator[HttpClient]:
    made = HttpClient(Endpoint(url), actor="kubectl-test")
    yield made
    made.close()


@dataclass
class Scripted:
    """A server that reads a request's head and answers what it is told; `requests` are the heads."""

    answer: Callable[[bytes], bytes]
    context: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.settimeout(20)
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            while head := _head(sock):
                self.requests.append(head)
                answer = self.answer(head)
                if not answer:
                    return
                sock.sendall(answer)
        except OSError:
            pass
        finally:
            sock.close()

    def close(self) -> None:
        self._listener.close()


def _head(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and not data.startswith(b"\x16"):  # that would be TLS
        part = sock.recv(65536)
        if not part:
            return b""
        data += part
    return data


def http_answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    made: list[Scripted] = []

    def make(answer: Callable[[bytes], bytes], context: ssl.SSLContext | None = None) -> Scripted:
        made.append(Scripted(answer, context))
        return made[-1]

    yield make
    for server in made:
        server.close()


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key as PEM."""

    pem: bytes
    key: bytes

    def context(self, folder: Path) -> ssl.SSLContext:
        path = folder / "server.pem"
        path.write_bytes(self.pem + self.key)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path)
        return made


def certificate(*names: str, days: int = 1) -> Certificate:
    """For these DNS names and addresses; one that ended yesterday with days=-1."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(made.public_bytes(serialization.Encoding.PEM), pem)
