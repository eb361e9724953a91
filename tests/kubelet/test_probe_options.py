"""Every sort of probe with its options, on containers that run; who answers is the test, at the pod's address."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minikctl.api.meta import Obj, condition_is
from minikctl.kubelet.agent import RUNTIME, kill_everything
from tests.kubelet.test_grpc_health import Server
from tests.kubelet.test_process_agent import Running, first
from tests.runtime.conftest import processes_of, until

PORT = 8099


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Of plain processes: their pods' addresses are this machine's too."""
    monkeypatch.setenv(RUNTIME, "process")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


class Handler(BaseHTTPRequestHandler):
    """Answers by path; keeps the headers of what was asked."""

    asked: list[dict[str, str]] = []

    def do_GET(self) -> None:
        Handler.asked.append(dict(self.headers))
        moved = {"/near": "/fine", "/gone": "/missing", "/far": "http://elsewhere.example/", "/round": "/round"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
            self.wfile.write(b"moved")
            return
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_words: object) -> None:
        return None


@contextmanager
def answering(ip: str, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    server = ThreadingHTTPServer((ip, PORT), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def probed(node: Running, kind: str = "readinessProbe", **probe: object) -> str:
    """A pod with this probe; its address."""
    node.create(**{kind: {"periodSeconds": 1, **probe}})
    return str(node.wait(lambda p: p.get("status", {}).get("podIP"))["status"]["podIP"])


def unhealthy(node: Running, text: str) -> Callable[[], bool]:
    return lambda: any(reason == "Unhealthy" and text in said for reason, said in node.events())


def http(path: str, **more: object) -> Obj:
    return {"httpGet": {"path": path, "port": PORT, **more}}


def test_headers(node: Running) -> None:
    Handler.asked.clear()
    named = [{"name": "X-Own", "value": "mine"}, {"name": "Host", "value": "shop.example"}]
    with answering(probed(node, **http("/fine", httpHeaders=named))):
        node.ready()
        asked = Handler.asked[-1]
        assert (asked["X-Own"], asked["Host"]) == ("mine", "shop.example")
        assert asked["User-Agent"].startswith("kube-probe/1.")


def test_https_with_a_certificate_of_its_own(node: Running, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = own_certificate(tmp_path)
    context.load_cert_chain(certificate, key)
    with answering(probed(node, **http("/fine", scheme="HTTPS")), context):
        node.ready()


def own_certificate(folder: Path) -> tuple[Path, Path]:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody signs this")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    signed = made.sign(key, hashes.SHA256())
    (folder / "crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(key.private_bytes(*form))
    return folder / "crt", folder / "key"


def test_redirections_on_the_same_host_are_followed(node: Running) -> None:
    with answering(probed(node, **http("/near"))):
        node.ready()


@pytest.mark.parametrize(
    ("path", "text"), [("/gone", "HTTP probe failed with statuscode: 404"), ("/round", "stopped after 10 redirects")]
)
def test_redirections_that_end_badly(node: Running, path: str, text: str) -> None:
    with answering(probed(node, **http(path))):
        until(unhealthy(node, text), "the probe fails")
        assert not condition_is(node.pod(), "Ready")


def test_redirections_to_others_are_not_followed(node: Running) -> None:
    with answering(probed(node, **http("/far"))):
        node.ready()
    said = "Readiness probe warning: Probe terminated redirects, Response body: moved"
    assert ("ProbeWarning", said) in node.events()


def test_a_server_that_says_nothing(node: Running) -> None:
    with socket.create_server((probed(node, timeoutSeconds=1, **http("/")), PORT)):
        until(unhealthy(node, "context deadline exceeded"), "the probe fails")


@pytest.mark.parametrize(("service", "is_ready"), [("", True), ("fine", True), ("bad", False)])
def test_grpc(node: Running, service: str, is_ready: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ip = probed(node, grpc={"port": PORT, "service": service})
    create = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda _place: create((ip, PORT)))
    server = Server()
    try:
        if is_ready:
            node.ready()
        else:
            until(unhealthy(node, 'service unhealthy (responded with "NOT_SERVING")'), "the probe fails")
    finally:
        server.listener.close()


def test_a_command_that_takes_too_long(node: Running) -> None:
    probed(node, timeoutSeconds=1, exec={"command": ["sleep", "30"]})
    until(unhealthy(node, "timed out after 1s"), "the probe fails")
    assert not condition_is(node.pod(), "Ready")


def test_thresholds(node: Running, tmp_path: Path) -> None:
    """Ready after two successes, and not any more after two failures."""
    (tmp_path / "fine").touch()
    probe = {"exec": {"command": ["test", "-e", str(tmp_path / "fine")]}, "successThreshold": 2, "failureThreshold": 2}
    probed(node, **probe)
    node.ready()
    (tmp_path / "fine").unlink()
    node.wait(lambda p: not condition_is(p, "Ready"))
    assert sum(reason == "Unhealthy" for reason, _ in node.events()) >= 1
    assert node.container()["restartCount"] == 0


def test_a_grace_period_of_the_probes_own(node: Running, tmp_path: Path) -> None:
    """The container ignores its signal, and its pod would wait for minutes."""
    up = tmp_path / "up"
    probe = {"exec": {"command": ["test", "!", "-e", str(up)]}, "periodSeconds": 1, "failureThreshold": 1}
    node.create(
        command=["sh", "-c", f"trap '' TERM; touch {up}; while :; do sleep 0.1; done"],
        livenessProbe={**probe, "terminationGracePeriodSeconds": 1},
        spec={"terminationGracePeriodSeconds": 300},
    )
    pod = node.wait(lambda p: first(p)["restartCount"] >= 1)
    assert first(pod)["lastState"]["terminated"]["exitCode"] == 137
    events = node.events()
    assert ("Killing", "Container app failed liveness probe, will be restarted") in events
    assert ("Unhealthy", "Liveness probe failed: ") in events
