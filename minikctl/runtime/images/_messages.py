"""HTTP messages: what came, read; what goes, written. A part of the emulated images; see `_server`."""

import time

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
    413: "Payload Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
    418: "I'm a teapot", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
MAX_HEAD, MAX_BODY = 32 * 1024, 8 * 1024 * 1024
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Request:
    """Header names are in lower case; `raw_headers` keeps them as they came."""

    def __init__(self, method, target, version, headers, raw_headers, peer):
        self.method, self.target, self.version = method, target, version
        self.headers, self.raw_headers, self.peer = headers, raw_headers, peer
        path, _, self.query = target.partition("?")
        self.path = unquote(path)
        self.body = b""

    def parameters(self):
        found = {}
        for pair in self.query.split("&"):
            key, _, value = pair.partition("=")
            if key:
                found.setdefault(unquote(key.replace("+", " ")), unquote(value.replace("+", " ")))
        return found


class Answer:
    """body: bytes. content_type: None to find it in the body. then: called when the answer is on its way."""

    def __init__(self, status=200, body=b"", content_type=None, headers=(), then=None):
        self.status, self.headers, self.then = status, list(headers), then
        self.body = body.encode() if isinstance(body, str) else body
        self.content_type = sniffed(self.body) if content_type is None else content_type


TAGS = (
    b"<!doctype html", b"<html", b"<head", b"<script", b"<iframe", b"<h1", b"<div", b"<font", b"<table", b"<a",
    b"<style", b"<title", b"<b", b"<body", b"<br", b"<p",
)  # fmt: skip


def sniffed(body):
    """The media type of texts and pages, as Go's servers find it. Source: https://mimesniff.spec.whatwg.org, section 7."""
    start = body[:512].lstrip(b"\t\n\x0c\r ").lower()
    page = start.startswith((b"<!--", *(tag + end for tag in TAGS for end in (b" ", b">"))))
    return f"text/{'html' if page else 'plain'}; charset=utf-8"


def rendered(answer, server, keep, bare):
    """The bytes of an answer; `bare`: without its body."""
    head = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
    if server:
        head.append(f"Server: {server}")
    head.append(f"Date: {http_date(time.time())}")
    if answer.status not in (204, 304):
        if answer.content_type:
            head.append(f"Content-Type: {answer.content_type}")
        head.append(f"Content-Length: {len(answer.body)}")
    head += [f"{name}: {value}" for name, value in answer.headers]
    head.append("Connection: keep-alive" if keep else "Connection: close")
    body = b"" if bare or answer.status in (204, 304) else answer.body
    return "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body


def parse(c):
    """The next whole request of a connection, None when more has to come. Raises ValueError(status)."""
    head, start = _head(c.received)
    lines = head.decode("latin-1").split("\n")
    words = lines[0].rstrip("\r").split(" ")
    if (len(lines) > 1 or start >= 0) and (len(words) != 3 or not words[2].startswith("HTTP/1.")):
        raise ValueError(400)  # before the rest has come: who does not speak HTTP may wait for an answer
    if start < 0:
        if len(c.received) >= MAX_HEAD:
            raise ValueError(414)
        return None
    headers, raw = {}, []
    for line in lines[1:]:
        name, colon, value = line.rstrip("\r").partition(":")
        if not colon:
            raise ValueError(400)
        raw.append((name, value.strip()))
        headers[name.lower()] = value.strip()
    request = Request(words[0], words[1], words[2], headers, raw, c.peer)
    request.port = c.port
    if headers.get("expect", "").lower() == "100-continue" and not c.told_to_go_on:
        c.told_to_go_on = True
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        c.to_send += go_on if c.wire is None else c.wire.wrap(go_on)
    if "transfer-encoding" in headers:
        found = _chunked(c.received[start:])
    else:
        found = _counted(c.received, start, headers.get("content-length", "0"))
    if found is None:
        return None
    request.body, c.received = found
    c.told_to_go_on = False
    return request


def _head(data):
    """A request's head, and where its body begins: -1 when not all of it has come. Lines may end without \\r."""
    head, start = data[:MAX_HEAD], -1
    for end in (b"\r\n\r\n", b"\n\r\n", b"\n\n"):
        if (at := head.find(end)) >= 0:
            head, start = head[:at], at + len(end)
    return head, start


def _counted(data, start, length):
    if not length.isdigit():
        raise ValueError(400)
    if int(length) > MAX_BODY:
        raise ValueError(413)
    end = start + int(length)
    return (data[start:end], data[end:]) if len(data) >= end else None


def _chunked(data):
    """(body, what follows it); None when more has to come."""
    body = b""
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            return None
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise ValueError(400) from None
        if len(body) + size > MAX_BODY:
            raise ValueError(413)
        if len(data) < size + 2:
            return None
        if size == 0:
            return body, data[2:] if data.startswith(b"\r\n") else data.partition(b"\r\n\r\n")[2]
        body, data = body + data[:size], data[size + 2 :]


def unquote(text):
    if "%" not in text:
        return text
    parts = text.encode().split(b"%")
    out = [parts[0]]
    for part in parts[1:]:
        try:
            out.append(bytes((int(part[:2], 16),)) + part[2:])
        except ValueError:
            out.append(b"%" + part)
    return b"".join(out).decode("utf-8", "replace")


def http_date(seconds):
    t = time.gmtime(seconds)
    clock = time.strftime("%H:%M:%S", t)
    return f"{DAYS[t.tm_wday]}, {t.tm_mday:02d} {MONTHS[t.tm_mon - 1]} {t.tm_year} {clock} GMT"


def log_date(seconds):
    """As in access logs: `01/Jan/2026:00:00:00 +0000`."""
    t = time.gmtime(seconds)
    return f"{t.tm_mday:02d}/{MONTHS[t.tm_mon - 1]}/{t.tm_year}:{time.strftime('%H:%M:%S', t)} +0000"
