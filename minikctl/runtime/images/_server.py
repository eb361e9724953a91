"""A small HTTP server for emulated images. Run with `python -I -S`: imports only what starts in a few milliseconds.

One thread, one poll. A handler gets a Request and returns an Answer.
"""

import _signal
import _socket
import os
import select
import sys
import time

REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
    304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 411: "Length Required",
    413: "Payload Too Large", 414: "URI Too Long", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip
MAX_HEAD, MAX_BODY = 32 * 1024, 8 * 1024 * 1024
IDLE_SECONDS = 65.0
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
    """body: bytes. then: called when the answer is on its way."""

    def __init__(self, status=200, body=b"", content_type="text/plain; charset=utf-8", headers=(), then=None):
        self.status, self.headers, self.then = status, list(headers), then
        self.body = body.encode() if isinstance(body, str) else body
        self.content_type = content_type


class _Connection:
    def __init__(self, sock, peer):
        self.sock, self.peer = sock, peer
        self.received, self.to_send = b"", b""
        self.closing = False
        self.active = time.monotonic()


class Server:
    """`server`: the Server header. `log(request, answer, size)`: after each answer."""

    def __init__(self, address, port, handle, server="", log=None):
        self.handle, self.server, self.log = handle, server, log
        self._draining = self._stopped = False
        self._sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self._sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        self._sock.bind((address, port))
        self._sock.listen(511)
        self._sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._sock.fileno(), select.POLLIN)
        self._connections = {}

    def stop(self):
        """End now."""
        self._stopped = True

    def drain(self):
        """Take no more connections; end when those that are answered are done."""
        self._draining = True

    def run(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._poll.register(reader, select.POLLIN)
        listener = self._sock.fileno()
        while not self._stopped:
            for fd, event in self._poll.poll(self._timeout()):
                if fd == listener:
                    self._accept()
                elif fd == reader:
                    os.read(reader, 512)
                elif fd in self._connections:
                    self._serve(fd, event)
            self._expire()
            if self._draining:
                if listener >= 0:
                    self._poll.unregister(listener)
                    self._sock.close()
                    listener = -1
                for fd, c in list(self._connections.items()):
                    if not c.received and not c.to_send:
                        self._close(fd)
                if not self._connections:
                    return

    def _timeout(self):
        if not self._connections:
            return None
        oldest = min(c.active for c in self._connections.values())
        return max(0.0, oldest + IDLE_SECONDS - time.monotonic()) * 1000 + 50

    def _expire(self):
        limit = time.monotonic() - IDLE_SECONDS
        for fd, c in list(self._connections.items()):
            if c.active < limit:
                self._close(fd)

    def _accept(self):
        while True:
            try:
                fd, peer = self._sock._accept()
            except OSError:
                return
            sock = _socket.socket(fileno=fd)
            sock.setblocking(False)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._connections[fd] = _Connection(sock, peer)
            self._poll.register(fd, select.POLLIN)

    def _close(self, fd):
        self._poll.unregister(fd)
        self._connections.pop(fd).sock.close()

    def _serve(self, fd, event):
        c = self._connections[fd]
        c.active = time.monotonic()
        try:
            if event & select.POLLOUT:
                self._flush(fd, c)
            elif event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                data = c.sock.recv(65536)
                if not data:
                    self._close(fd)
                    return
                c.received += data
                self._answer_all(fd, c)
        except BlockingIOError:
            pass
        except OSError:
            if fd in self._connections:
                self._close(fd)

    def _answer_all(self, fd, c):
        while not c.closing:
            try:
                request = parse(c)
            except ValueError as e:
                self._send(c, None, Answer(int(str(e)), b""), False)
                break
            if request is None:
                break
            keep = request.version == "HTTP/1.1" and request.headers.get("connection", "").lower() != "close"
            keep = keep or request.headers.get("connection", "").lower() == "keep-alive"
            try:
                answer = self.handle(request)
            except Exception as e:
                os.write(2, f"{type(e).__name__}: {e}\n".encode())
                answer = Answer(500, b"")
            self._send(c, request, answer, keep and not self._draining)
        self._flush(fd, c)

    def _send(self, c, request, answer, keep):
        body = answer.body
        head = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
        if self.server:
            head.append(f"Server: {self.server}")
        head.append(f"Date: {http_date(time.time())}")
        if answer.status not in (204, 304):
            if answer.content_type:
                head.append(f"Content-Type: {answer.content_type}")
            head.append(f"Content-Length: {len(body)}")
        head += [f"{name}: {value}" for name, value in answer.headers]
        head.append("Connection: keep-alive" if keep else "Connection: close")
        c.to_send += "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n"
        if request is None or request.method != "HEAD":
            c.to_send += b"" if answer.status in (204, 304) else body
        c.closing = not keep
        if self.log is not None and request is not None:
            self.log(request, answer, len(body) if request.method != "HEAD" else 0)
        if answer.then is not None:
            self._flush_blocking(c)
            answer.then()

    @staticmethod
    def _flush_blocking(c):
        c.sock.settimeout(2)
        try:
            c.sock.sendall(c.to_send)
        except OSError:
            pass
        c.sock.setblocking(False)
        c.to_send = b""

    def _flush(self, fd, c):
        while c.to_send:
            try:
                c.to_send = c.to_send[c.sock.send(c.to_send) :]
            except BlockingIOError:
                self._poll.modify(fd, select.POLLOUT)
                return
        if c.closing:
            self._close(fd)
        else:
            self._poll.modify(fd, select.POLLIN)


def parse(c):
    """The next whole request of a connection, None when more has to come. Raises ValueError(status)."""
    end = c.received.find(b"\r\n\r\n")
    if end < 0:
        if len(c.received) > MAX_HEAD:
            raise ValueError(414)
        return None
    lines = c.received[:end].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ValueError(400)
    headers, raw = {}, []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(400)
        raw.append((name, value.strip()))
        headers[name.lower()] = value.strip()
    request = Request(words[0], words[1], words[2], headers, raw, c.peer)
    if "transfer-encoding" in headers:
        raise ValueError(411)
    length = headers.get("content-length", "0")
    if not length.isdigit():
        raise ValueError(400)
    if int(length) > MAX_BODY:
        raise ValueError(413)
    start = end + 4
    if len(c.received) < start + int(length):
        return None
    request.body = c.received[start : start + int(length)]
    c.received = c.received[start + int(length) :]
    return request


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


def say(text, fd=1):
    """A line of output."""
    try:
        os.write(fd, f"{text}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def address():
    """Where this pod listens."""
    return os.environ.get("POD_IP") or "0.0.0.0"


def hostname():
    return os.environ.get("HOSTNAME") or "localhost"


def tag():
    """The tag of the image that is being run."""
    return os.environ.get("MINIKCTL_IMAGE", "").rpartition(":")[2]


def root(path):
    """A folder of the container's: below $MINIKCTL_ROOT, else none."""
    base = os.environ.get("MINIKCTL_ROOT")
    return base + path if base and os.path.isdir(base + path) else ""


def on(signals, action):
    """Call `action` on any of these signals."""
    for number in signals:
        _signal.signal(number, lambda *_: action())


def fail(text, code=1):
    say(text, 2)
    sys.exit(code)


def serve_file(folder, path):
    """(status, content, media type, modification time) of a file below a folder; status 404, 403 or 301 else."""
    full = os.path.normpath(folder + "/" + path.lstrip("/"))
    if full != folder and not full.startswith(folder + "/"):
        return 403, b"", "", 0
    if os.path.isdir(full):
        if not path.endswith("/"):
            return 301, b"", "", 0
        full += "/index.html"
        if not os.path.exists(full):
            return 403, b"", "", 0
    try:
        fd = os.open(full, os.O_RDONLY)
        try:
            found = os.fstat(fd)
            data = b""
            while len(data) < found.st_size and (part := os.read(fd, found.st_size - len(data))):
                data += part
            return 200, data, media_type(full), found.st_mtime
        finally:
            os.close(fd)
    except PermissionError:
        return 403, b"", "", 0
    except OSError:
        return 404, b"", "", 0


TYPES = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "js": "application/javascript", "txt": "text/plain",
    "json": "application/json", "xml": "text/xml", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "ico": "image/x-icon", "pdf": "application/pdf",
}  # fmt: skip


def media_type(path):
    return TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")
