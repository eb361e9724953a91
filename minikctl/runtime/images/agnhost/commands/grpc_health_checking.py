"""gRPC's health service, as much of HTTP/2 as it takes, and a door to change what it says.

`[--port 5000] [--http-port 8080] [--delay-unhealthy-sec N] [--service NAME]`; GET /make-serving, /make-not-serving.
Source of the frames: RFC 9113; headers are written as RFC 7541's literals.
"""

import _socket
import time

import _server as http
from common import flags, listen, port_of, say, server

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4
SERVING, NOT_SERVING = 1, 2


def frame(kind, flag, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flag)) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


class Health:
    def __init__(self, service, delay):
        self.service, self.delay, self.started, self.forced = service, delay, time.monotonic(), None

    def status(self):
        if self.forced is not None:
            return self.forced
        late = self.delay >= 0 and time.monotonic() - self.started >= self.delay
        return NOT_SERVING if late else SERVING


class Conversation:
    """One connection. `take` what came gives what goes back. Raises ValueError for what is no HTTP/2."""

    def __init__(self, health):
        self._health, self._left, self._begun, self._asked = health, b"", False, {}

    def take(self, data):
        self._left += data
        out = b""
        if not self._begun:
            if len(self._left) < len(PREFACE):
                return b""
            if not self._left.startswith(PREFACE):
                raise ValueError("no HTTP/2")
            self._left, self._begun = self._left[len(PREFACE) :], True
            out = frame(SETTINGS, 0, 0)
        while len(self._left) >= 9:
            length = int.from_bytes(self._left[:3], "big")
            if len(self._left) < 9 + length:
                break
            kind, flag, stream = self._left[3], self._left[4], int.from_bytes(self._left[5:9], "big")
            payload, self._left = self._left[9 : 9 + length], self._left[9 + length :]
            out += self._frame(kind, flag, stream, payload)
        return out

    def _frame(self, kind, flag, stream, payload):
        if kind == SETTINGS and not flag & ACK:
            return frame(SETTINGS, ACK, 0)
        if kind == PING and not flag & ACK:
            return frame(PING, ACK, 0, payload)
        if kind == DATA:
            self._asked[stream] = self._asked.get(stream, b"") + payload
        if kind in (DATA, HEADERS) and flag & END_STREAM:
            return self._answer(stream, self._asked.pop(stream, b""))
        return b""

    def _answer(self, stream, message):
        # HealthCheckRequest{service = 1}: tag 0x0a, length, name
        service = message[7 : 7 + message[6]].decode("utf-8", "replace") if message[5:6] == b"\x0a" else ""
        head = b"\x88" + literal(b"content-type", b"application/grpc")
        if service != self._health.service:
            trailer = literal(b"grpc-status", b"5") + literal(b"grpc-message", b"unknown service")
            return frame(HEADERS, END_HEADERS | END_STREAM, stream, head + trailer)
        body = b"\x00\x00\x00\x00\x02\x08" + bytes((self._health.status(),))
        end = literal(b"grpc-status", b"0")
        return (
            frame(HEADERS, END_HEADERS, stream, head)
            + frame(DATA, 0, stream, body)
            + frame(HEADERS, END_HEADERS | END_STREAM, stream, end)
        )


def talk(sock, health):
    conversation = Conversation(health)
    try:
        while data := sock.recv(65536):
            if answer := conversation.take(data):
                sock.sendall(answer)
    except (OSError, ValueError):
        pass
    finally:
        sock.close()


def main(words):
    import _thread

    given, _ = flags(words)
    port = port_of(given, "port", 5000)
    health = Health(given.get("service", ""), port_of(given, "delay-unhealthy-sec", -1))
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind((http.address(), port))
    listener.listen(128)

    def accepted(sock):
        fd, _ = sock._accept()
        _thread.start_new_thread(talk, (_Sock(fd), health))

    def handle(request):
        if request.path == "/make-serving":
            health.forced = SERVING
        elif request.path == "/make-not-serving":
            health.forced = NOT_SERVING
        else:
            return http.Answer(404, "404 page not found\n")
        return http.Answer(200, b"")

    made = server()
    made.watch(listener, accepted)
    listen(made, port_of(given, "http-port", 8080), handle)
    say(f"gRPC server starting to listen on :{port}")
    made.run()


def _Sock(fd):
    made = _socket.socket(fileno=fd)
    made.setblocking(True)
    return made
