"""A small HTTP server for emulated images. Run with `python -I -S`: imports only what starts in a few milliseconds.

One thread, one poll. A handler gets a Request and returns an Answer, or a Later for what takes time: that runs in a
thread of its own. A server has one listener or several (`listen`), with TLS where it is given a context, and may watch
other sockets, too (`watch`).
"""

import _signal
import _socket
import os
import select
import sys
import time

from _files import media_type, serve_file
from _messages import REASONS, Answer, Request, http_date, log_date, parse, rendered, unquote

__all__ = [
    "REASONS", "Answer", "Request", "http_date", "log_date", "media_type", "parse", "rendered", "serve_file", "unquote",
]  # fmt: skip

IDLE_SECONDS = 65.0


class Later:
    """An answer that takes time: `work()` is called in a thread and returns the Answer."""

    def __init__(self, work):
        self.work = work


class _Connection:
    """received, to_send: what is plain. With TLS, `wire` turns one into the other."""

    def __init__(self, sock, peer, listener, context=None):
        self.sock, self.peer, self.handle, self.port = sock, peer, listener.handle, listener.port
        self.received, self.to_send = b"", b""
        self.closing = self.busy = self.told_to_go_on = False
        self.active = time.monotonic()
        self.wire = _Wire(context) if context is not None else None

    def take(self, data):
        """What came; what has to be sent because of it comes back."""
        if self.wire is None:
            self.received += data
            return b""
        plain, answer = self.wire.take(data)
        self.received += plain
        return answer


class _Wire:
    """TLS on a connection that does not block. Raises OSError (ssl.SSLError is one)."""

    def __init__(self, context):
        import ssl

        self._want = ssl.SSLWantReadError
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._greeted = False

    def take(self, data):
        self._in.write(data)
        plain = b""
        try:
            if not self._greeted:
                self._tls.do_handshake()
                self._greeted = True
            while part := self._tls.read(65536):
                plain += part
        except self._want:
            pass
        return plain, self._out.read()

    def wrap(self, data):
        self._tls.write(data)
        return self._out.read()


class _Listener:
    def __init__(self, sock, port, handle, context):
        self.sock, self.port, self.handle, self.context = sock, port, handle, context


class Server:
    """`server`: the Server header. `log(request, answer, size)`: after each answer. `close`: one answer a connection.

    `port=None`: no listener yet. `tls`: an ssl.SSLContext. Raises OSError when the port is taken.
    """

    def __init__(self, address, port, handle=None, server="", log=None, tls=None, close=False):
        self.server, self.log, self.close = server, log, close
        self._draining = self._stopped = False
        self._poll = select.poll()
        self._listeners, self._connections, self._watched, self._done = {}, {}, {}, []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._poll.register(self._reader, select.POLLIN)
        if port is not None:
            self.listen(address, port, handle, tls)

    def listen(self, address, port, handle, tls=None):
        """Another port. Raises OSError."""
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(511)
        sock.setblocking(False)
        self._poll.register(sock.fileno(), select.POLLIN)
        self._listeners[sock.fileno()] = _Listener(sock, port, handle, tls)

    def watch(self, sock, ready):
        """Call `ready(sock)` whenever there is something to read or to accept."""
        self._poll.register(sock.fileno(), select.POLLIN)
        self._watched[sock.fileno()] = sock, ready

    def stop(self):
        """End now."""
        self._stopped = True

    def drain(self):
        """Take no more connections; end when those that are answered are done."""
        self._draining = True
        self.wake()

    @property
    def idle(self):
        return not self._connections

    def wake(self):
        """Have the poll look around. From any thread."""
        try:
            os.write(self._writer, b".")
        except OSError:
            pass

    def run(self):
        _signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        while not self._stopped:
            for fd, event in self._poll.poll(self._timeout()):
                if fd in self._listeners:
                    self._accept(self._listeners[fd])
                elif fd == self._reader:
                    os.read(self._reader, 512)
                elif fd in self._watched:
                    sock, ready = self._watched[fd]
                    ready(sock)
                elif fd in self._connections:
                    self._serve(fd, event)
            self._finish()
            self._expire()
            if self._draining and self._drained():
                return

    def _drained(self):
        for fd, listener in list(self._listeners.items()):
            self._poll.unregister(fd)
            listener.sock.close()
        self._listeners.clear()
        for fd, c in list(self._connections.items()):
            if not c.received and not c.to_send and not c.busy:
                self._close(fd)
        return not self._connections

    def _timeout(self):
        if not self._connections:
            return None
        oldest = min(c.active for c in self._connections.values())
        return max(0.0, oldest + IDLE_SECONDS - time.monotonic()) * 1000 + 50

    def _expire(self):
        limit = time.monotonic() - IDLE_SECONDS
        for fd, c in list(self._connections.items()):
            if c.active < limit:
                if c.busy:
                    c.active = time.monotonic()
                else:
                    self._close(fd)

    def _accept(self, listener):
        while True:
            try:
                fd, peer = listener.sock._accept()
            except OSError:
                return
            sock = _socket.socket(fileno=fd)
            sock.setblocking(False)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._connections[fd] = _Connection(sock, peer, listener, listener.context)
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
                c.to_send += c.take(data)
                self._answer_all(fd, c)
        except BlockingIOError:
            pass
        except OSError:
            if fd in self._connections:
                self._close(fd)

    def _answer_all(self, fd, c):
        while not c.closing and not c.busy:
            try:
                request = parse(c)
            except ValueError as e:
                code = int(str(e))
                self._send(c, None, Answer(code, f"{code} {REASONS[code]}"), False)
                break
            if request is None:
                break
            keep = request.version == "HTTP/1.1" and request.headers.get("connection", "").lower() != "close"
            keep = keep or request.headers.get("connection", "").lower() == "keep-alive"
            answer = self._ask(c.handle, request)
            if isinstance(answer, Later):
                c.busy = True
                self._work(c, request, answer, keep)
            else:
                self._send(c, request, answer, keep)
        self._flush(fd, c)

    @staticmethod
    def _ask(handle, *given):
        try:
            return handle(*given)
        except Exception as e:
            say(f"{type(e).__name__}: {e}", 2)
            return Answer(500, b"")

    def _work(self, c, request, later, keep):
        import _thread

        def work():
            self._done.append((c, request, self._ask(later.work), keep))
            self.wake()

        _thread.start_new_thread(work, ())

    def _finish(self):
        """Send what threads have made."""
        while self._done:
            c, request, answer, keep = self._done.pop(0)
            fd = c.sock.fileno()
            if self._connections.get(fd) is not c:
                continue
            c.busy, c.active = False, time.monotonic()
            try:
                self._send(c, request, answer, keep)
                self._answer_all(fd, c)
            except OSError:
                if fd in self._connections:
                    self._close(fd)

    def _send(self, c, request, answer, keep):
        keep = keep and not self._draining and not self.close
        data = rendered(answer, self.server, keep, request is not None and request.method == "HEAD")
        c.to_send += data if c.wire is None else c.wire.wrap(data)
        c.closing = not keep
        if self.log is not None and request is not None:
            self.log(request, answer, len(answer.body) if request.method != "HEAD" else 0)
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
            self._poll.modify(fd, select.POLLIN if not c.busy else 0)


def say(text, fd=1):
    """A line of output."""
    try:
        os.write(fd, f"{text}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def address():
    """Where this pod listens: everywhere, unless it shares a network with others and only has an address of its own."""
    own = os.environ.get("POD_IP", "")
    return own if own.startswith("127.") else "0.0.0.0"


def tls(cert, key):
    """An ssl.SSLContext from files; fails the program when they are no pair."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key or None)
    except (OSError, ssl.SSLError) as e:
        fail(f"cannot load the certificate {cert} with the key {key}: {e}")
    return context


def hostname():
    return os.environ.get("HOSTNAME") or "localhost"


def tag():
    """The tag of the image that is being run."""
    return os.environ.get("MINIKCTL_IMAGE", "").rpartition(":")[2]


def root():
    """What stands before the paths of a container that has no root of its own."""
    return os.environ.get("MINIKCTL_ROOT", "").rstrip("/")


def on(signals, action):
    """Call `action` on any of these signals."""
    for number in signals:
        _signal.signal(number, lambda *_: action())


def fail(text, code=1):
    say(text, 2)
    sys.exit(code)
