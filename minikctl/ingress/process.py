"""The process `minikctl: ingress`: the controller in a thread of its own, the engine in the main thread's event loop.

It listens on this machine alone: 127.0.0.1:80 and :443 where that is allowed and free, else :8080 and :8443, else where
there is room. The ports are kept over restarts, shown in the status of each Ingress and by `minikctl ingress`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.client.local import LocalClient
from minikctl.ingress.controller import IngressController
from minikctl.ingress.engine import tls
from minikctl.ingress.engine.server import MOST_CLIENTS, Engine
from minikctl.ingress.model import Certificate, Table
from minikctl.util.descriptors import raise_descriptor_limit
from minikctl.util.files import atomic_write, private_folder, write_private
from minikctl.util.sockets import LOCALHOST

if TYPE_CHECKING:
    from minikctl.ingress.engine.upstream import Network

log = logging.getLogger("ingress")
PORTS_FILE = "ingress.json"
WELL_KNOWN = {80: (80, 8080), 443: (443, 8443)}
DESCRIPTORS = 16384
COMMON_NAME = "Kubernetes Ingress Controller Fake Certificate"
SECURE = {443: True}


class Host:
    """What the controller has done by the engine; see `controller.Serving`."""

    def __init__(self, state_dir: Path, loop: asyncio.AbstractEventLoop, engine: Engine):
        self._file = state_dir / "run" / PORTS_FILE
        self._loop, self._engine = loop, engine
        self._lock = threading.Lock()
        self._taken: dict[int, tuple[bool, int]] = {}
        """By the port's name: whether it speaks TLS, and where it really is."""
        self._contexts: dict[Certificate, ssl.SSLContext] = {}
        self._listening: list[asyncio.Future[None]] = []

    # ------------------------------------------------------------------ ports

    def open(self) -> dict[int, socket.socket]:
        """Sockets for 80 and 443; raises OSError when there is no port left on this machine."""
        before = self._remembered()
        found = {}
        for port, candidates in WELL_KNOWN.items():
            sock = _first_free([*([before[port]] if port in before else []), *candidates, 0])
            found[port] = sock
            self._taken[port] = (port in SECURE, sock.getsockname()[1])
        with contextlib.suppress(OSError):
            atomic_write(self._file, json.dumps(self.ports()).encode())
        return found

    def _remembered(self) -> dict[int, int]:
        try:
            return {int(k): int(v) for k, v in json.loads(self._file.read_bytes()).items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def ports(self) -> dict[int, int]:
        return {p: really for p, (_, really) in self._taken.items()}

    def addresses(self) -> list[str]:
        return [LOCALHOST]

    def unavailable(self, port: int, secure: bool) -> str:
        with self._lock:
            known = self._taken.get(port)
            if known is not None:
                return "" if known[0] == secure else f"port {port} speaks {'HTTPS' if known[0] else 'HTTP'}"
            try:
                sock = _bound(port)
            except OSError as e:
                return f"cannot listen on {LOCALHOST}:{port}: {e.strerror or e}"
            self._taken[port] = (secure, port)
        asyncio.run_coroutine_threadsafe(self._engine.listen(sock, port, secure), self._loop)
        return ""

    # ------------------------------------------------------------------ certificates and tables

    def check(self, certificate: Certificate) -> None:
        if certificate not in self._contexts:
            self._contexts[certificate] = tls.context(certificate)

    def put_in_force(self, table: Table) -> None:
        contexts = {}
        for host, certificate in table.certificates.items():
            with contextlib.suppress(tls.BadCertificate):
                self.check(certificate)
                contexts[host] = self._contexts[certificate]
        self._contexts = {c: s for c, s in self._contexts.items() if c in set(table.certificates.values())}

        def swap() -> None:
            if self._engine.certificates is not None:
                self._engine.certificates.use(contexts)
            self._engine.swap(table)

        self._loop.call_soon_threadsafe(swap)


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOCALHOST, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def _first_free(candidates: list[int]) -> socket.socket:
    problem: OSError = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    for port in candidates:
        try:
            return _bound(port)
        except OSError as e:
            problem = e
    raise problem


def run(state_dir: Path, fsync: bool) -> int:
    """Serve until SIGTERM; the exit code."""
    descriptors = raise_descriptor_limit(DESCRIPTORS)
    certificate = default_certificate(state_dir)
    return asyncio.run(_serve(state_dir, fsync, certificate, most_clients(descriptors)))


def most_clients(descriptors: int) -> int:
    """A request takes two: the client's and the endpoint's."""
    return min(MOST_CLIENTS, max(descriptors // 2 - 64, 16))


async def _serve(state_dir: Path, fsync: bool, certificate: Certificate, most: int) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(loop, tls.Certificates(tls.context(certificate)), _network(state_dir))
    engine.most_clients = most
    host = Host(state_dir, loop, engine)
    sockets = host.open()
    client = LocalClient.open(str(state_dir), actor="ingress-controller", fsync=fsync, create=False)
    controller = IngressController(client, host)
    started = loop.run_in_executor(None, controller.start)
    await started  # who connects before there is a table waits
    for port, sock in sockets.items():
        await engine.listen(sock, port, port in SECURE)
    log.info("listening on %s:%s (HTTP) and :%s (HTTPS)", LOCALHOST, host.ports()[80], host.ports()[443])
    await stop.wait()
    await engine.stop()
    await loop.run_in_executor(None, controller.stop)
    client.close()
    return 0


class _network:
    """The cluster network, asked for when the first pod is not on this host's loopback, and kept."""

    def __init__(self, state_dir: Path):
        self._state_dir = state_dir
        self._found: Network | None = None

    def __call__(self) -> Network | None:
        if self._found is None:
            from minikctl.runtime.network.client import ClusterNetwork

            self._found = ClusterNetwork.open(self._state_dir)
        return self._found


def default_certificate(state_dir: Path) -> Certificate:
    """What HTTPS is spoken with for hosts that have no certificate: self-signed, made once. Made in a process of its
    own, for the library weighs more than all the rest."""
    folder = private_folder(state_dir / "pki")
    chain, key = folder / "ingress.crt", folder / "ingress.key"
    if not (chain.exists() and key.exists()):
        pid = os.fork()
        if pid == 0:
            try:
                _make_certificate(chain, key)
            except Exception:
                log.exception("making the default certificate")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    return Certificate("the default certificate", chain.read_bytes(), key.read_bytes())


def _make_certificate(chain: Path, key: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme Co"),
        x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME),
    ]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(x509.Name(names))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ingress.local")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    write_private(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    write_private(chain, certificate.public_bytes(pem))
