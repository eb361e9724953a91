"""The API server as a process of a running cluster."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from minikctl.client import state_dir as state
from minikctl.cluster import layout
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

CACHED = Path("~/.cache/reference-clients/kubectl").expanduser()
KUBECTL = shutil.which("kubectl") or (str(CACHED) if CACHED.exists() else "")


def real(daemon: Daemon, *argv: str) -> str:
    """What the real kubectl prints."""
    command = [KUBECTL, "--kubeconfig", str(daemon.root / "kubeconfig"), *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=daemon.environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not KUBECTL, reason="no kubectl on PATH or in ~/.cache/reference-clients")
def test_real_kubectl_works_with_the_kubeconfig(daemon: Daemon) -> None:
    daemon.start("--simulated")
    assert real(daemon, "get", "nodes", "-o", "name") == "node/node-1\n"
    assert real(daemon, "create", "configmap", "a", "--from-literal=x=1") == "configmap/a created\n"
    assert daemon.run("get", "cm", "a", "-o", "jsonpath={.data.x}").out == "1"
    ca = daemon.run("get", "cm", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}").out
    assert ca == (daemon.root / "pki" / "ca.crt").read_text()


def test_clients_wait_while_the_server_comes_back(daemon: Daemon) -> None:
    daemon.start("--simulated")
    killed = daemon.kill(layout.API_SERVER)
    cluster = state.load(daemon.root)
    assert cluster is not None
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=20):
        eventually(lambda: daemon.process(layout.API_SERVER).pid != killed.pid)
    assert daemon.process(layout.API_SERVER).alive


def test_a_port_that_another_program_took_is_left_to_it(daemon: Daemon) -> None:
    cluster = state.ensure(daemon.root, simulated=True)
    with socket.create_server(("127.0.0.1", cluster.port)):
        done = daemon.run("cluster", "start")
        assert done.code == 0 and f"Port {cluster.port} is in use by another program" in done.err
        moved = state.load(daemon.root)
        assert moved is not None and moved.port != cluster.port
        assert moved.server in (daemon.root / "kubeconfig").read_text()
        daemon.run("cluster", "stop")


def test_certificates_that_cannot_be_used_stop_the_start(daemon: Daemon) -> None:
    state.ensure(daemon.root, simulated=True)
    (daemon.root / "pki").mkdir()
    (daemon.root / "pki" / "ca.key").write_text("nonsense")
    done = daemon.run("cluster", "start")
    assert done.code == 1
    assert done.err.startswith(f"error: cannot use the certificates in {daemon.root}/pki: ")
    assert not (daemon.root / "run" / "supervisor.pid").exists()


def test_a_certificate_made_by_request_logs_in(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start("--simulated")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dev"), x509.NameAttribute(NameOID.COMMON_NAME, "jane")]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    encoded = base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
    spec = {"request": encoded, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    daemon.client.create("certificatesigningrequests", {"metadata": {"name": "jane"}, "spec": spec})
    assert daemon.run("certificate", "approve", "jane").code == 0
    path = "jsonpath={.status.certificate}"
    eventually(lambda: bool(daemon.run("get", "csr", "jane", "-o", path).out))
    certificate = base64.b64decode(daemon.run("get", "csr", "jane", "-o", path).out)
    file = tmp_path / "jane.pem"
    no_encryption = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_encryption)
    file.write_bytes(certificate + pem)
    context = ssl.create_default_context(cafile=str(daemon.root / "pki" / "ca.crt"))
    context.load_cert_chain(file)
    cluster = state.load(daemon.root)
    assert cluster is not None
    with httpx.Client(base_url=cluster.server, verify=context, trust_env=False) as jane:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        info = jane.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=review).json()["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("jane", ["dev", "system:authenticated"])
