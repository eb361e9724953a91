"""Ways through a proxy: HTTP CONNECT and SOCKS5, and which one the environment asks for.

Source: Go's `net/http` (ProxyFromEnvironment), RFC 9110 (CONNECT), RFC 1928 and 1929.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
import struct
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from minikctl.client.http.endpoint import Url


class ProxyError(OSError):
    """The proxy does not let us through."""


def from_environment(url: Url, environ: Mapping[str, str]) -> str:
    """The proxy's URL for a server, `""` for none. This machine is never asked for through a proxy."""
    name = f"{url.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or _excepted(url, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _excepted(url: Url, exceptions: str) -> bool:
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        address = None
    if url.host == "localhost" or (address is not None and address.is_loopback):
        return True
    for word in (w.strip().lower() for w in exceptions.split(",") if w.strip()):
        host, _, port = word.partition(":") if word.count(":") == 1 else (word, "", "")
        if word == "*":
            return True
        if port and port != str(url.port):
            continue
        if address is not None:
            try:
                if address in ipaddress.ip_network(host, strict=False):
                    return True
            except ValueError:
                pass
        elif (url.host.lower() == host.lstrip(".*") and not host.startswith(".")) or url.host.lower().endswith(
            "." + host.lstrip("*").lstrip(".")
        ):
            return True
    return False


def open_through(sock: socket.socket, proxy: str, url: Url) -> None:
    """Have the proxy at the other end of `sock` connect to the server. Raises OSError."""
    if urlsplit(proxy).scheme in ("socks5", "socks5h"):
        _socks5(sock, proxy, url)
    else:
        _connect(sock, proxy, url)


def _login(proxy: str) -> tuple[str, str]:
    parts = urlsplit(proxy)
    return unquote(parts.username or ""), unquote(parts.password or "")


def _connect(sock: socket.socket, proxy: str, url: Url) -> None:
    host = f"[{url.host}]" if ":" in url.host else url.host
    request = f"CONNECT {host}:{url.port} HTTP/1.1\r\nHost: {host}:{url.port}\r\n"
    user, password = _login(proxy)
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        request += f"Proxy-Authorization: Basic {pair}\r\n"
    sock.sendall(request.encode() + b"\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        part = sock.recv(1)  # not a byte more than the answer: what follows is the server's
        if not part or len(head) > 65536:
            raise ProxyError("unexpected EOF")
        head += part
    status = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    if len(status) < 2 or not status[1].startswith("2"):
        raise ProxyError(status[2] if len(status) > 2 else "malformed HTTP response")


def _socks5(sock: socket.socket, proxy: str, url: Url) -> None:
    user, password = _login(proxy)
    sock.sendall(b"\x05\x02\x00\x02" if user else b"\x05\x01\x00")
    _, method = _exactly(sock, 2)
    if method == 2 and user:
        name, secret = user.encode(), password.encode()
        sock.sendall(b"\x01" + bytes((len(name),)) + name + bytes((len(secret),)) + secret)
        if _exactly(sock, 2)[1] != 0:
            raise ProxyError("socks connect: username/password authentication failed")
    elif method != 0:
        raise ProxyError("socks connect: no acceptable authentication methods")
    host = url.host.encode("idna")
    sock.sendall(b"\x05\x01\x00\x03" + bytes((len(host),)) + host + struct.pack(">H", url.port))
    _, code, _, kind = _exactly(sock, 4)
    if code:
        raise ProxyError(f"socks connect: {_SOCKS.get(code, f'error {code}')}")
    length = {1: 4, 4: 16}.get(kind) or _exactly(sock, 1)[0]
    _exactly(sock, length + 2)


_SOCKS = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
}


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ProxyError("unexpected EOF")
        data += part
    return data
