"""Takes one byte of each connection and closes it, which resets it when there was more: `[--port N]`."""

import _socket
import os

import _server as http
from common import flags, port_of, say, server


def main(words):
    given, _ = flags(words)
    port = port_of(given, "port", 8080)
    made = server()
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    sock.bind((http.address(), port))
    sock.listen(128)

    def accepted(listener):
        fd, peer = listener._accept()
        say(f"Connection from {peer[0]}:{peer[1]}")
        try:
            os.read(fd, 1)
        finally:
            os.close(fd)

    made.watch(sock, accepted)
    say(f"Server started, listening on :{port}")
    made.run()
