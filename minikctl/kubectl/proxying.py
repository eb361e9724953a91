"""The API on a local port without TLS and tokens: a filter, static files, and one connection to the server a request.

Guarantees: only the body that a request announces is passed on behind it, so that nothing gets past the filter on the
back of another request. Source: kubectl `pkg/proxy/proxy_server.go`.
"""

from __future__ import annotations

import contextlib
import logging
import mimetypes
import posixpath
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, unquote

from minikctl.util.duplex import Duplex
from minikctl.util.errors import EnvironmentProblem, UsageError

log = logging.getLogger("proxy")
MAX_HEAD = 1 << 20
BLOCK = 65536
PATIENCE = 60.0
"""Seconds that a client may take to send its request's head."""
HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade", "host"})
Headers = list[tuple[str, str]]
Dial = Callable[[], tuple[Duplex, Headers, str]]
"""Connect to the server: (the connection, the headers that say who we are, the server's name)."""


def patterns(text: str) -> list[re.Pattern[str]]:
    """Regular expressions with commas between them. Raises UsageError."""
    try:
        return [re.compile(part) for part in text.split(",")] if text else []
    except re.error as e:
        raise UsageError(f"Error compiling re: error parsing regexp: {e}") from None


@dataclass(frozen=True)
class Filter:
    """Which requests are passed on. Rejection beats acceptance."""

    accept_paths: Sequence[re.Pattern[str]] = ()
    reject_paths: Sequence[re.Pattern[str]] = ()
    accept_hosts: Sequence[re.Pattern[str]] = ()
    reject_methods: Sequence[re.Pattern[str]] = ()

    def accepts(self, method: str, path: str, host: str) -> bool:
        if _matches(path, self.reject_paths) or _matches(method, self.reject_methods):
            return False
        return _matches(path, self.accept_paths) and _matches(host, self.accept_hosts)


def _matches(text: str, expressions: Sequence[re.Pattern[str]]) -> bool:
    return any(e.search(text) for e in expressions)


def host_of(header: str) -> str:
    """A Host header without its port: `[::1]:80` → `::1`, `[::1]` stays."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*)):\d*", header)
    return (found[1] or found[2] or "") if found else header


@dataclass(frozen=True)
class Head:
    """The first part of a request. `path` is decoded, `query` raw with its question mark."""

    method: str
    target: str
    headers: Headers

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        _, mark, query = self.target.partition("?")
        return mark + query

    def get(self, name: str) -> str:
        return ", ".join(v for k, v in self.headers if k.lower() == name)

    @property
    def is_upgrade(self) -> bool:
        return "upgrade" in self.get("connection").lower() and bool(self.get("upgrade"))


def parse_head(data: bytes) -> Head:
    """Raises ValueError."""
    first, *lines = data.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    if not version.startswith("HTTP/1.") or not re.fullmatch("[!-~]+", target):
        raise ValueError("no request of HTTP/1")
    if "://" in target.partition("?")[0]:
        target = "/" + target.partition("://")[2].partition("/")[2]
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
            raise ValueError("a malformed header")
        headers.append((name, value.strip()))
    return Head(method, target if target.startswith("/") else f"/{target}", headers)


@dataclass
class Proxy:
    """Answers connections. `append_path` is what the server's own address has for a path."""

    dial: Dial
    filter: Filter | None = None
    api_prefix: str = "/"
    static: Path | None = None
    static_prefix: str = "/static/"
    append_path: str = ""
    _open: set[Duplex] = field(default_factory=set)

    def serve(self, listener: socket.socket) -> None:
        """Until the listener is closed or shut down."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(Duplex(client),), daemon=True).start()

    def close(self) -> None:
        for connection in list(self._open):
            connection.close()

    def _connection(self, client: Duplex) -> None:
        self._open.add(client)
        late = threading.Timer(PATIENCE, client.close)
        late.daemon = True
        late.start()
        try:
            head, rest = _read_head(client)
            late.cancel()
            self._answer(client, parse_head(head), rest)
        except ValueError as e:
            with contextlib.suppress(OSError):
                _say(client, HTTPStatus.BAD_REQUEST, f"Bad Request: {e}")
        except OSError:
            pass  # the client is gone
        finally:
            late.cancel()
            self._open.discard(client)
            client.close()

    def _answer(self, client: Duplex, head: Head, rest: bytes) -> None:
        path = head.path
        clean = posixpath.normpath("/" + path.lstrip("/")) + ("/" if path.endswith("/") and path.strip("/") else "")
        if clean != path:
            _say(client, HTTPStatus.MOVED_PERMANENTLY, "", ("Location", quote(clean) + head.query))
        elif self.static is not None and path.startswith(self.static_prefix):
            _serve_file(client, self.static, path.removeprefix(self.static_prefix), head)
        elif path + "/" == self.api_prefix:
            _say(client, HTTPStatus.MOVED_PERMANENTLY, "", ("Location", quote(self.api_prefix) + head.query))
        elif not path.startswith(self.api_prefix):
            _say(client, HTTPStatus.NOT_FOUND, "404 page not found")
        else:
            self._pass_on(client, head, rest)

    def _pass_on(self, client: Duplex, head: Head, rest: bytes) -> None:
        target, path = head.target, head.path
        if not self.api_prefix.startswith("/api"):
            target, path = (_stripped(t, self.api_prefix) for t in (target, path))
        if self.filter is not None and not self.filter.accepts(head.method, path, host_of(head.get("host"))):
            _say(client, HTTPStatus.FORBIDDEN, "Forbidden")
            return
        try:
            server, credentials, name = self.dial()
        except (OSError, EnvironmentProblem) as e:
            _say(client, HTTPStatus.INTERNAL_SERVER_ERROR, str(e))
            return
        self._open.add(server)
        try:
            server.sendall(_rewritten(head, self.append_path + target, credentials, name))
            self._exchange(client, server, head, rest)
        finally:
            self._open.discard(server)
            server.close()

    @staticmethod
    def _exchange(client: Duplex, server: Duplex, head: Head, rest: bytes) -> None:
        if not head.is_upgrade:
            threading.Thread(target=_send_body, args=(client, server, head, rest), daemon=True).start()
            _copy(server, client)
            return
        answer, more = _read_head(server)
        client.sendall(answer + b"\r\n\r\n" + more)
        if answer.split(b" ")[1:2] == [b"101"]:
            server.sendall(rest)
            threading.Thread(target=_copy_and_end, args=(client, server), daemon=True).start()
        _copy(server, client)


# ---------------------------------------------------------------------- requests


def _read_head(sock: Duplex) -> tuple[bytes, bytes]:
    """(the head without its empty line, what came behind it). Raises ValueError, OSError."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > MAX_HEAD:
            raise ValueError("headers are too large")
        part = sock.recv(BLOCK)
        if not part:
            raise ConnectionError("EOF")
        data += part
    return data[:end], data[end + 4 :]


def _rewritten(head: Head, target: str, credentials: Headers, host: str) -> bytes:
    """The head as the server gets it."""
    headers = [(k, v) for k, v in head.headers if k.lower() not in HOP_BY_HOP]
    given = {k.lower() for k, _ in headers}
    headers += [(k, v) for k, v in credentials if k.lower() not in given or k.lower() == "user-agent"]
    if head.is_upgrade:
        headers += [("Connection", "Upgrade"), ("Upgrade", head.get("upgrade"))]
    else:
        headers.append(("Connection", "close"))
    lines = [f"{head.method} {target} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _stripped(path: str, prefix: str) -> str:
    """Without the prefix, but with a slash at its beginning."""
    return "/" + path.removeprefix(prefix).lstrip("/") if prefix != "/" else path


def _send_body(client: Duplex, server: Duplex, head: Head, rest: bytes) -> None:
    """What the head announces, and nothing behind it."""
    source = _Source(client, rest)
    with contextlib.suppress(OSError, ValueError):
        if "chunked" in head.get("transfer-encoding").lower():
            for part in source.chunked():
                server.sendall(part)
        elif length := head.get("content-length"):
            for part in source.exactly(int(length)):
                server.sendall(part)


class _Source:
    """Reads from a socket what has come already, then what comes."""

    def __init__(self, sock: Duplex, rest: bytes):
        self._sock, self._rest = sock, rest

    def _more(self) -> bytes:
        data, self._rest = self._rest or self._sock.recv(BLOCK), b""
        if not data:
            raise ConnectionError("EOF")
        return data

    def exactly(self, size: int) -> Iterator[bytes]:
        while size > 0:
            data = self._more()
            self._rest = data[size:]
            size -= len(data[:size])
            yield data[: len(data) - len(self._rest)]

    def _line(self) -> bytes:
        line = b""
        while b"\n" not in line:
            line += self._more()
            if len(line) > MAX_HEAD:
                raise ValueError("a line is too long")
        line, newline, self._rest = line.partition(b"\n")
        return line + newline

    def chunked(self) -> Iterator[bytes]:
        """The body as it stands, chunk by chunk, trailers included."""
        while True:
            line = self._line()
            size = int(line.partition(b";")[0].strip(), 16)
            yield line
            if size == 0:
                break
            yield from self.exactly(size)
            yield self._line()
        while (line := self._line()).strip():
            yield line
        yield line


def _copy(source: Duplex, sink: Duplex) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(BLOCK):
            sink.sendall(data)


def _copy_and_end(source: Duplex, sink: Duplex) -> None:
    _copy(source, sink)
    sink.close()


# ---------------------------------------------------------------------- own answers


def _say(client: Duplex, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
    body = f"{text}\n".encode() if text else b""
    _send(client, status, body, "text/plain; charset=utf-8", *headers)


def _send(client: Duplex, status: HTTPStatus, body: bytes, kind: str, *headers: tuple[str, str]) -> None:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    lines += ["Connection: close", "X-Content-Type-Options: nosniff", *(f"{k}: {v}" for k, v in headers)]
    client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def _serve_file(client: Duplex, base: Path, path: str, head: Head) -> None:
    """A file below `base`, or the list of a folder. Nothing outside, links included."""
    wanted = (base / path).resolve()
    if head.method not in ("GET", "HEAD") or not wanted.is_relative_to(base.resolve()) or not wanted.exists():
        _say(client, HTTPStatus.NOT_FOUND, "404 page not found")
        return
    if wanted.is_dir():
        if not head.path.endswith("/"):
            _say(client, HTTPStatus.MOVED_PERMANENTLY, "", ("Location", quote(posixpath.basename(head.path)) + "/"))
            return
        if (wanted / "index.html").is_file():
            wanted = wanted / "index.html"
    try:
        if wanted.is_dir():
            body, kind = _listing(wanted), "text/html; charset=utf-8"
        else:
            body, kind = wanted.read_bytes(), mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
            kind += "; charset=utf-8" if kind.startswith("text/") else ""
    except PermissionError:
        _say(client, HTTPStatus.FORBIDDEN, "403 Forbidden")
        return
    _send(client, HTTPStatus.OK, body if head.method == "GET" else b"", kind)


def _listing(folder: Path) -> bytes:
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir())
    lines = [f'<a href="{quote(n)}">{escape(n)}</a>' for n in names]
    return "\n".join(
        ["<!doctype html>", '<meta name="viewport" content="width=device-width">', "<pre>", *lines, "</pre>", ""]
    ).encode()
