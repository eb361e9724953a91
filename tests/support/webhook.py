"""A webhook server on HTTPS in the test's own process, with a certificate authority of its own."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from minikctl.api.meta import Obj

Answer = Callable[[Obj], Any]
"""A review's request → the `response` (its uid is added), or (status, body) as it is to be sent."""


@dataclass
class WebhookServer:
    """`answer` by path; `seen` are the reviews that came, in order. `ca_bundle` and `url` go into configurations."""

    answers: dict[str, Answer]
    seen: list[Obj] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ca_bundle: str = ""
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def config(self, path: str = "/") -> Obj:
        return {"url": self.url + path, "caBundle": self.ca_bundle}


def allow(_request: Obj) -> Obj:
    return {"allowed": True}


def patch(*operations: Obj, **more: Any) -> Answer:
    """An answer that changes the object."""
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _request: {"allowed": True, "patch": encoded, "patchType": "JSONPatch", **more}


@contextmanager
def serving(
    folder: Path, names: tuple[str, ...] = (), *, address: str = "127.0.0.1", **answers: Answer
) -> Iterator[WebhookServer]:
    """A running server; `answers` by the path's last word. `names`: DNS names of its certificate."""
    bundle, chain = certificates(folder, names)
    server = WebhookServer({f"/{k}": v for k, v in answers.items()}, ca_bundle=bundle)
    listener = _Listener((address, 0), _handler(server))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    server.port = listener.server_port
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(10)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_about: Any) -> None:
        """Clients that go away are what some tests are about."""


def _handler(server: WebhookServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["content-length"])))
            path = self.path.partition("?")[0]
            server.paths.append(self.path)
            server.seen.append(review)
            answer = server.answers[path](review["request"])
            status = 200
            if isinstance(answer, tuple):
                status, body = answer
            else:
                head = {"apiVersion": review["apiVersion"], "kind": review["kind"]}
                body = json.dumps({**head, "response": {"uid": review["request"]["uid"], **answer}})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: Any) -> None:
            return None

    return Handler


def certificates(folder: Path, names: tuple[str, ...]) -> tuple[str, Path]:
    """(caBundle, file with the server's certificate and key)."""
    now = datetime.datetime.now(datetime.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("test authority"))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )

    ca = builder("test authority").public_key(authority.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    known = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *(x509.DNSName(n) for n in names)]
    leaf = builder("webhook").public_key(key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName(known), critical=False)
    pem = serialization.Encoding.PEM
    chain = folder / "webhook.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(leaf.sign(authority, hashes.SHA256()).public_bytes(pem) + private)
    bundle = ca.sign(authority, hashes.SHA256()).public_bytes(pem)
    return base64.b64encode(bundle).decode(), chain
