"""The API server's own process, with TLS, tokens, certificates and RBAC, and clients of it."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from minikctl.apiserver.auth import pki
from minikctl.apiserver.bootstrap import bootstrap
from minikctl.client.local import LocalClient
from minikctl.util.sockets import listen_local

_RUN = (
    "import socket, sys; from pathlib import Path; from minikctl.apiserver.http import process; "
    "process.run(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))"
)


@dataclass
class HTTPS:
    """A running server. `client` writes past it, as the administrator."""

    root: Path
    port: int
    process: subprocess.Popen[bytes]
    client: LocalClient
    _clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Trusts the cluster's authority."""
        return ssl.create_default_context(cadata=pki.ca_pem(self.root).decode())

    def anonymous(self, **headers: str) -> httpx.Client:
        return self._made(self.context(), headers)

    def as_user(self, name: str, *groups: str, state_dir: Path | None = None, **headers: str) -> httpx.Client:
        """With a certificate of this cluster's, or of another state directory's authority."""
        pair = pki.client_pair(state_dir or self.root, name, groups)
        file = self.root.parent / f"{name.replace(':', '-').replace('/', '-')}.pem"
        file.write_bytes(pair.certificate + pair.key)
        context = self.context()
        context.load_cert_chain(file)
        return self._made(context, headers)

    def admin(self, **headers: str) -> httpx.Client:
        return self.as_user(pki.ADMIN, pki.MASTERS, **headers)

    def with_token(self, token: str) -> httpx.Client:
        return self.anonymous(authorization=f"Bearer {token}")

    def token_of(self, account: str, namespace: str = "default") -> str:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        made = self.client.create("serviceaccounts", body, namespace, name=account, subresource="token")
        return str(made["status"]["token"])

    def _made(self, context: ssl.SSLContext, headers: dict[str, str]) -> httpx.Client:
        plain = {k.replace("_", "-"): v for k, v in headers.items()}
        made = httpx.Client(base_url=self.url, verify=context, headers=plain, timeout=20, trust_env=False)
        self._clients.append(made)
        return made

    def close(self) -> None:
        for made in self._clients:
            made.close()
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def serving_https(root: Path) -> Iterator[HTTPS]:
    """A server on a state directory of its own with what every cluster starts with; nothing else runs."""
    client = LocalClient.on_files(root, actor="test")
    bootstrap(client.api)
    client.create("serviceaccounts", {"metadata": {"name": "default"}}, "default")
    pki.server_certificate(root)
    listener = listen_local(0, 1024)
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(root), str(listener.fileno())],
        pass_fds=[listener.fileno()],
        cwd=Path(__file__).parent.parent.parent,
    )
    made = HTTPS(root, listener.getsockname()[1], process, client)
    listener.close()  # the server has its own; connections wait in it until the server accepts them
    try:
        yield made
    finally:
        made.close()
