"""The heads of messages: what is passed on, what is left out, what is added. Pure.

Sources: RFC 9110 7.6.1 (fields of one connection), ingress-nginx (X-Forwarded-* and their like; clients cannot set them).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus

from minikctl.ingress.model import Answer, Endpoint, Facts, HeaderChange, Sticky

Header = tuple[bytes, bytes]
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
OURS = frozenset(
    {
        b"host",
        b"expect",
        b"content-length",
        b"x-real-ip",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-scheme",
        b"x-original-forwarded-for",
    }
)
"""What a client sends of these is not passed on: the proxy writes them itself."""
_DROPPED = HOP_BY_HOP | OURS | {b"x-request-id"}
_NAMES = {400: "Bad Request", 413: "Request Entity Too Large", 503: "Service Temporarily Unavailable"}
_VALUE = re.compile(rb"[\r\n\0]")
AUTHORITY = re.compile(r"[A-Za-z0-9._\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")


def _is_dropped(name: bytes) -> bool:
    """Also X_Forwarded_For and its like: to many a program (CGI, WSGI) they are the same as with hyphens."""
    return name in _DROPPED or (b"_" in name and name.replace(b"_", b"-") in _DROPPED)


def connection_names(value: bytes) -> frozenset[bytes]:
    """The tokens of a Connection header, in lower case."""
    return frozenset(part.strip().lower() for part in value.split(b","))


def request_head(
    facts: Facts,
    target: str,
    host: str,
    headers: Iterable[Header],
    named: frozenset[bytes],
    change: HeaderChange,
    request_id: str,
    length: int | None,
    upgrade: bytes,
) -> bytes:
    """What an endpoint is sent. `named`: what the client's Connection header takes out; `length` None: chunked."""
    authority = facts.headers.get("host", facts.host)
    scheme = "https" if facts.secure else "http"
    first = (
        f"{facts.method} {target} HTTP/1.1\r\nHost: {host or authority}\r\nX-Request-ID: {request_id}\r\n"
        f"X-Real-IP: {facts.client}\r\nX-Forwarded-For: {facts.client}\r\nX-Forwarded-Host: {authority}\r\n"
        f"X-Forwarded-Port: {facts.ports.get(facts.port, facts.port)}\r\nX-Forwarded-Proto: {scheme}\r\n"
        f"X-Forwarded-Scheme: {scheme}\r\nX-Scheme: {scheme}\r\n"
    )
    kept = [(n, v) for n, v in headers if not _is_dropped(low := n.lower()) and low not in named]
    before = facts.headers.get("x-forwarded-for")
    if before:
        kept.append((b"X-Original-Forwarded-For", before.encode("latin-1", "replace")))
    if change:
        kept = changed(kept, change)
    if length is None:
        kept.append((b"Transfer-Encoding", b"chunked"))
    elif length or facts.length is not None:
        kept.append((b"Content-Length", b"%d" % length))
    if upgrade:
        kept += [(b"Connection", b"upgrade"), (b"Upgrade", upgrade)]
    return first.encode("latin-1", "replace") + b"".join([b"%b: %b\r\n" % pair for pair in kept]) + b"\r\n"


def response_head(status: int, reason: bytes, headers: list[Header], change: HeaderChange, extra: bytes) -> bytes:
    """What the client is sent; `headers` without those of one connection, `extra` lines of our own."""
    if change:
        headers = changed(headers, change)
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, reason, b"".join([b"%b: %b\r\n" % pair for pair in headers]), extra)


def changed(headers: list[Header], change: HeaderChange) -> list[Header]:
    """Set, then add, then remove, as the Gateway API's header filters do; nothing that would break a line is added."""
    taken = {n.lower().encode("latin-1", "replace") for n, _ in change.set}
    taken |= {n.lower().encode("latin-1", "replace") for n in change.remove}
    kept = [h for h in headers if h[0].lower() not in taken]
    by_name = {n.lower(): (n, v) for n, v in change.set}
    removed = {n.lower() for n in change.remove}
    added = [*by_name.values(), *((n, v) for n, v in change.add)]
    for name, value in added:
        raw = value.encode("latin-1", "replace")
        if name.lower() not in removed and not _VALUE.search(raw):
            kept.append((name.encode("latin-1", "replace"), raw))
    return kept


def phrase(status: int) -> str:
    known = _NAMES.get(status)
    if known is None:
        try:
            known = HTTPStatus(status).phrase
        except ValueError:
            known = "Unknown"
    return known


def own_answer(answer: Answer, head_only: bool, close: bool, keep_alive_10: bool) -> tuple[bytes, int]:
    """Head and body of an answer of the proxy's own, and the size of the body."""
    body, extra = answer.body, []
    if body is None:
        body = page(answer.status)
        extra.append("Content-Type: text/html")
    extra += [f"{n}: {v}" for n, v in answer.headers if "\r" not in v and "\n" not in v]
    if answer.status not in (204, 304) and answer.status >= 200:
        extra.append(f"Content-Length: {len(body)}")
    if close:
        extra.append("Connection: close")
    elif keep_alive_10:
        extra.append("Connection: keep-alive")
    date = format_datetime(datetime.now(UTC), usegmt=True)
    head = f"HTTP/1.1 {answer.status} {phrase(answer.status)}\r\nServer: minikctl\r\nDate: {date}\r\n"
    raw = (head + "".join(f"{line}\r\n" for line in extra) + "\r\n").encode("latin-1", "replace")
    return (raw, 0) if head_only else (raw + body, len(body))


def page(status: int) -> bytes:
    """The page that tells a status, in the shape of nginx's."""
    title = f"{status} {phrase(status)}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>minikctl ingress</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


@lru_cache(maxsize=4096)
def token(endpoint: Endpoint) -> str:
    """The sticky cookie's value for an endpoint: the same after a restart, and it tells no address."""
    return hashlib.sha256(f"minikctl sticky {endpoint.address}:{endpoint.port}".encode()).hexdigest()[:32]


def sticky_header(sticky: Sticky, endpoint: Endpoint, secure: bool, now: datetime) -> bytes:
    """The Set-Cookie line that keeps a client at an endpoint."""
    parts = [f"{sticky.name}={token(endpoint)}"]
    if sticky.expires is not None:
        parts.append(f"Expires={format_datetime(now + timedelta(seconds=min(sticky.expires, 10**9)), usegmt=True)}")
    if sticky.max_age is not None:
        parts.append(f"Max-Age={sticky.max_age}")
    if sticky.domain:
        parts.append(f"Domain={sticky.domain}")
    parts.append(f"Path={sticky.path or '/'}")
    if secure if sticky.secure is None else sticky.secure:
        parts.append("Secure")
    parts.append("HttpOnly")
    if sticky.same_site:
        parts.append(f"SameSite={sticky.same_site}")
    return f"Set-Cookie: {'; '.join(parts)}\r\n".encode("latin-1", "replace")
