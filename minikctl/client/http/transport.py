"""Requests over HTTP/1.1 with connections that are kept; what goes wrong on the way, in Go's words.

Guarantees: safe for several threads; a request that may have been carried out is not sent twice, but for reads.
Answers with `Retry-After` (429, 5xx) are waited for and asked again, as client-go does.
"""

from __future__ import annotations

import errno
import gzip
import http.client
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from minikctl.client.http import proxies, tls
from minikctl.client.http.credentials import Credentials, Headers
from minikctl.client.http.endpoint import Endpoint, Url
from minikctl.util.errors import Unreachable
from minikctl.util.polling import readable

DIAL, HANDSHAKE = 30.0, 10.0
"""Seconds for a connection, and for its TLS."""
MOST_RETRIES = 10
IDLE_KEPT = 8
Query = Sequence[tuple[str, str]]


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Transport:
    """One endpoint's connections."""

    def __init__(self, endpoint: Endpoint, agent: str):
        self.endpoint = endpoint
        self.agent = agent
        self.url = endpoint.url
        self.credentials = Credentials(endpoint)
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._tls: tuple[tuple[bytes, bytes], ssl.SSLContext] | None = None

    def renamed(self, agent: str) -> Transport:
        """The same connections under another User-Agent."""
        import copy

        other = copy.copy(self)
        other.agent = agent
        return other

    # ------------------------------------------------------------------ requests

    def request(
        self, method: str, path: str, query: Query = (), headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Ask and read the whole answer. Raises Unreachable, UsageError."""
        for attempt in range(MOST_RETRIES + 1):
            answer = self._once(method, path, query, headers or {}, body)
            if answer.status == 401 and attempt == 0 and self.credentials.forget():
                continue
            wait = answer.headers.get("Retry-After", "")
            again = answer.status == 429 or answer.status >= 500
            if not (again and wait.isdigit()) or attempt == MOST_RETRIES:
                break
            time.sleep(int(wait))
        return answer

    def _once(self, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes) -> Answer:
        connection, response = self._send(method, path, query, headers, body, self.endpoint.timeout)
        try:
            data = response.read()
        except TimeoutError:
            connection.close()
            raise Unreachable(
                "Unable to connect to the server: net/http: request canceled "
                "(Client.Timeout or context cancellation while reading body)"
            ) from None
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            raise Unreachable(f"Unable to connect to the server: {self._words(e, connection)}") from None
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        return Answer(response.status, response.headers, _decoded(response.headers, data))

    def stream(
        self, path: str, query: Query = (), headers: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> StreamAnswer:
        """GET whose answer is read as it comes; a connection of its own. timeout: until the answer's head has come."""
        wanted = {**(headers or {}), "Accept-Encoding": "identity"}
        connection, response = self._send("GET", path, query, wanted, b"", timeout or self.endpoint.timeout, fresh=True)
        if response.status == 401 and self.credentials.forget():
            connection.close()
            connection, response = self._send("GET", path, query, wanted, b"", timeout, fresh=True)
        return StreamAnswer(connection, response)

    def upgrade(self, path: str, query: Query) -> tuple[socket.socket, Headers, str]:
        """A connection for a WebSocket: (socket, credentials to send, the resource asked for). Raises Unreachable."""
        connection = self._new(self.endpoint.timeout)
        self._dial(connection)
        sock = connection.sock
        assert sock is not None
        sock.settimeout(None)
        return sock, self.credentials.headers(), self._target(path, query)

    def _target(self, path: str, query: Query) -> str:
        return self.url.prefix + path + (f"?{urlencode(query)}" if query else "")

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float | None,
        *,
        fresh: bool = False,
    ) -> tuple[_Connection, http.client.HTTPResponse]:
        everything = self._headers(headers, body, method)
        connection, is_new = (self._new(timeout), True) if fresh else self._connection(timeout)
        try:
            if is_new:
                self._dial(connection)
            return connection, connection.ask(method, self._target(path, query), everything, body)
        except TimeoutError:
            connection.close()
            what = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            raise Unreachable(f"Unable to connect to the server: {what}") from None
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            if not is_new and method in ("GET", "HEAD"):  # the server had closed it in the meantime
                return self._send(method, path, query, headers, body, timeout, fresh=True)
            raise Unreachable(f"Unable to connect to the server: {self._words(e, connection)}") from None

    def _headers(self, headers: Mapping[str, str], body: bytes, method: str) -> Headers:
        out = {"Accept": "application/json, */*", "User-Agent": self.agent, **headers}
        if self.endpoint.compression:
            out.setdefault("Accept-Encoding", "gzip")
        else:
            out.setdefault("Accept-Encoding", "identity")
        if body or method in ("POST", "PUT", "PATCH"):
            out["Content-Length"] = str(len(body))
        return [*out.items(), *self.credentials.headers()]

    # ------------------------------------------------------------------ connections

    def _connection(self, timeout: float | None) -> tuple[_Connection, bool]:
        """One that is kept and still open, or a new one."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_open():
                    connection.set_timeout(timeout)
                    return connection, False
                connection.close()
        return self._new(timeout), True

    def _new(self, timeout: float | None) -> _Connection:
        return _Connection(self.url, timeout)

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _dial(self, connection: _Connection) -> None:
        """Connect, through the proxy when there is one, and make it secure. Raises Unreachable, UsageError."""
        if self.url.scheme not in ("http", "https"):
            raise Unreachable(f'Unable to connect to the server: unsupported protocol scheme "{self.url.scheme}"')
        proxy = self.endpoint.proxy or proxies.from_environment(self.url, self.endpoint.environ)
        first = Url.parse(proxy) if proxy else self.url
        sock = self._connected(first, connection.limit(DIAL), connection.timeout is not None)
        try:
            if proxy:
                if first.scheme == "https":
                    sock = ssl.create_default_context().wrap_socket(sock, server_hostname=first.host)
                proxies.open_through(sock, proxy, self.url)
            if self.url.scheme == "https":
                sock = self._secured(sock, connection)
            sock.settimeout(connection.timeout)
            connection.sock = sock
        except proxies.ProxyError as e:
            sock.close()
            raise Unreachable(f"Unable to connect to the server: proxyconnect tcp: {e}") from None
        except BaseException:
            sock.close()
            raise

    def _connected(self, where: Url, timeout: float, limited: bool) -> socket.socket:
        try:
            sock = socket.create_connection((where.host, where.port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except ConnectionRefusedError:
            raise Unreachable(
                f"The connection to the server {where.netloc} was refused - did you specify the right host or port?"
            ) from None
        except socket.gaierror:
            text = f"dial tcp: lookup {where.host}{_resolver()}: no such host"
        except TimeoutError:
            text = f"dial tcp {where.host}:{where.port}: i/o timeout" if not limited else _LATE
        except OSError as e:
            what = os.strerror(e.errno).lower() if e.errno else str(e)
            text = f"dial tcp {where.host}:{where.port}: connect: {what}"
        raise Unreachable(f"Unable to connect to the server: {text}") from None

    def _secured(self, sock: socket.socket, connection: _Connection) -> ssl.SSLSocket:
        name = self.endpoint.tls_server_name or self.url.host
        sock.settimeout(connection.limit(HANDSHAKE))
        try:
            return self._context().wrap_socket(sock, server_hostname=name)
        except ssl.SSLError as e:
            shown = None
            if isinstance(e, ssl.SSLCertVerificationError):
                shown = self._certificate(connection)
            text = tls.why_refused(e, name, shown)
        except TimeoutError:
            text = _LATE if connection.timeout is not None else "net/http: TLS handshake timeout"
        except ConnectionResetError:
            text = "read tcp: read: connection reset by peer"
        except OSError:
            text = "EOF"
        raise Unreachable(f"Unable to connect to the server: {text}") from None

    def _context(self) -> ssl.SSLContext:
        pair = self.credentials.certificate()
        if self._tls is None or self._tls[0] != pair:
            self._tls = pair, tls.context(self.endpoint.ca, self.endpoint.insecure, *pair)
        return self._tls[1]

    def _certificate(self, connection: _Connection) -> bytes | None:
        """What the server shows, only to say what is wrong with it."""
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        try:
            with (
                socket.create_connection((self.url.host, self.url.port), connection.limit(HANDSHAKE)) as plain,
                trusting.wrap_socket(plain, server_hostname=self.url.host) as sock,
            ):
                return sock.getpeercert(binary_form=True)
        except OSError:
            return None

    def _words(self, error: Exception, connection: _Connection) -> str:
        if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "EOF" if isinstance(error, http.client.RemoteDisconnected) else "unexpected EOF"
        if isinstance(error, ssl.SSLError):
            return tls.why_refused(error, self.url.host, None)
        if isinstance(error, http.client.HTTPException):
            return "malformed HTTP response"
        if isinstance(error, OSError) and error.errno in (errno.ECONNRESET, errno.EPIPE):
            return f"read tcp {connection.place}: read: {os.strerror(error.errno).lower()}"
        return str(error) or type(error).__name__


_LATE = "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"


class _Connection(http.client.HTTPConnection):
    """One connection; `timeout` is the whole request's. It is connected by `Transport._dial`."""

    def __init__(self, url: Url, timeout: float | None):
        super().__init__(url.host, url.port)
        self._netloc = url.netloc
        self.set_timeout(timeout)

    def set_timeout(self, timeout: float | None) -> None:
        self.timeout = timeout
        if self.sock is not None:
            self.sock.settimeout(timeout)

    def connect(self) -> None:
        raise ConnectionError("not connected")  # http.client would dial by itself

    def limit(self, seconds: float) -> float:
        return seconds if self.timeout is None else min(seconds, self.timeout)

    def ask(self, method: str, target: str, headers: Headers, body: bytes) -> http.client.HTTPResponse:
        self.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", self._netloc)
        for name, value in headers:
            self.putheader(name, value)
        self.endheaders(body or None)
        return self.getresponse()

    def is_open(self) -> bool:
        """False when the other side has closed it, or sent what nobody asked for."""
        return self.sock is not None and not readable([self.sock.fileno()], 0)

    @property
    def place(self) -> str:
        try:
            here, there = self.sock.getsockname(), self.sock.getpeername()
            return f"{here[0]}:{here[1]}->{there[0]}:{there[1]}"
        except (OSError, AttributeError):
            return self._netloc


class StreamAnswer:
    """An answer that is read bit by bit. `close` ends it from any thread."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse):
        self._connection, self._response = connection, response
        self._sock = connection.sock or getattr(getattr(response.fp, "raw", None), "_sock", None)
        self.status, self.headers = response.status, response.headers
        self._settle()

    def _settle(self) -> None:
        if self._sock is not None:
            self._sock.settimeout(None)

    def read(self) -> bytes:
        """The rest, as one."""
        try:
            return self._response.read()
        except (OSError, http.client.HTTPException):
            return b""
        finally:
            self.close()

    def lines(self, deadline: float | None = None) -> Iterator[bytes]:
        """Lines until the server ends the answer, or `deadline` (monotonic) is over; a lost connection is an end."""
        held = b""
        for chunk in self.chunks(deadline):
            *whole, held = (held + chunk).split(b"\n")
            yield from whole
        if held:
            yield held

    def chunks(self, deadline: float | None = None) -> Iterator[bytes]:
        """What comes, as it comes."""
        try:
            while True:
                if deadline is not None and self._sock is not None:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return
                    self._sock.settimeout(left)
                data = self._response.read1(65536)
                if not data:
                    return
                yield data
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return
        finally:
            self.close()

    def close(self) -> None:
        if self._sock is not None:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._connection.close()


def _decoded(headers: Any, data: bytes) -> bytes:
    if headers.get("Content-Encoding", "") != "gzip":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        raise Unreachable("Unable to connect to the server: gzip: invalid header") from None


def _resolver() -> str:
    """` on 10.0.0.2:53`: Go says whom it has asked."""
    try:
        with open("/etc/resolv.conf") as f:  # noqa: PTH123
            for line in f:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver":
                    return f" on {words[1]}:53"
    except OSError:
        pass
    return ""
