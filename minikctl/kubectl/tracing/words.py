"""What is traced: `http://shop.example/cart`, `web`, `web:http`, `svc/web:80`, `web.default.svc.cluster.local`. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from minikctl.util.errors import UsageError

SCHEMES = {"http": 80, "https": 443}
ZONE = "cluster.local"
SERVICE_WORDS = ("service", "services", "svc")


@dataclass(frozen=True, slots=True)
class Wanted:
    """host: a name or an address. port: a number, the name of a Service's port, or "". scheme and path: of a URL."""

    host: str
    port: str = ""
    scheme: str = ""
    path: str = "/"
    is_service: bool = False
    """`svc/…`: a Service and nothing else."""

    @property
    def is_address(self) -> bool:
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return self.host == "localhost"
        return True

    @property
    def number(self) -> int | None:
        """The port's number as far as the words alone say it."""
        if self.port:
            return int(self.port) if self.port.isdigit() else None
        return SCHEMES.get(self.scheme)

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}{self.path}" if self.scheme else f"{self.host}{port}"


def parse(text: str) -> Wanted:
    """Raises UsageError."""
    if "://" in text:
        return _url(text)
    rest, is_service = text, False
    if "/" in text:
        word, _, tail = text.partition("/")
        if word.lower() in SERVICE_WORDS:
            rest, is_service = tail, True
        elif "." in word or ":" in word or word == "localhost":  # a URL without its scheme, as curl takes it
            return _url(f"http://{text}")
        else:
            raise UsageError(f"trace is about Services and URLs, not about {word!r}: give SERVICE[:PORT] or a URL")
    host, _, port = rest.partition(":")
    if not host or "/" in host or (port and not port.replace("-", "").isalnum()):
        raise UsageError(f"{text!r} is neither a URL nor SERVICE[:PORT]")
    return Wanted(host.lower().rstrip("."), port, is_service=is_service)


def _url(text: str) -> Wanted:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as e:
        raise UsageError(f"{text!r} is not a URL: {e}") from None
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in SCHEMES or not parts.hostname:
        raise UsageError(f"{text!r} is not a URL of http or https")
    return Wanted(parts.hostname.rstrip("."), str(port) if port else "", scheme, parts.path or "/")


def service_name(host: str, namespace: str) -> tuple[str, str, str]:
    """(endpoint, service, namespace) that a name means inside the cluster, for a client in `namespace`; "" for parts
    that it has not. Names of others give ("", "", "")."""
    labels = host.removesuffix(f".{ZONE}").split(".")
    if len(labels) > 2 and labels[-1] == "svc":
        labels = labels[:-1]
    elif host.endswith(f".{ZONE}") or len(labels) > 2:
        return "", "", ""
    if len(labels) == 1:
        return "", labels[0], namespace
    if len(labels) == 2:
        return "", labels[0], labels[1]
    return (labels[0], labels[1], labels[2]) if len(labels) == 3 else ("", "", "")
