"""Where a server is and who we are to it: what a kubeconfig and the command line come to. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from minikctl.util.errors import UsageError


@dataclass(frozen=True)
class Impersonation:
    """Whom to act as (`--as`, `--as-group`, `--as-uid`, `--as-user-extra`)."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecPlugin:
    """A program that hands out credentials. Source: client-go `plugin/pkg/client/auth/exec`, KEP-541."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    cluster_config: object = None
    """The cluster's extension of the name `client.authentication.k8s.io/exec`, for the plugin to read."""


@dataclass(frozen=True)
class Endpoint:
    """A server and credentials. Certificates and keys are PEM; times are seconds, None for no end."""

    server: str
    ca: bytes = b""
    insecure: bool = False
    tls_server_name: str = ""
    proxy: str = ""
    """A proxy's URL; `""`: what the environment says."""
    client_certificate: bytes = b""
    client_key: bytes = b""
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    exec_plugin: ExecPlugin | None = None
    impersonation: Impersonation = Impersonation()
    timeout: float | None = None
    compression: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> Url:
        """Raises UsageError for what is no URL."""
        return Url.parse(self.server)


@dataclass(frozen=True)
class Url:
    """A server's address in parts. `prefix` is the path that comes before `/api`, without a slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Url:
        """Raises UsageError."""
        given = text if "://" in text else f"http://{text}"
        wrong = UsageError(f'host must be a URL or a host:port pair: "{text}"')
        try:
            parts = urlsplit(given)
            port = parts.port
        except ValueError:
            raise wrong from None
        if not parts.hostname or any(c.isspace() for c in given):
            raise wrong
        return cls(
            parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")
        )

    @property
    def netloc(self) -> str:
        """As messages name the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}.get(self.scheme)
        return host if self.port == usual else f"{host}:{self.port}"
