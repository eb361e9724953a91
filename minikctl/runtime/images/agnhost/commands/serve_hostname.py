"""Says the host name over HTTP, or over plain TCP and UDP: `[--tcp] [--udp] [--http] [--close] [--port N]`."""

import _signal
import _socket
import os

import _server as http
from common import flags, listen, port_of, say, server


def main(words):
    given, _ = flags(words)
    port, tcp, udp = port_of(given, "port", 9376), given.get("tcp") == "true", given.get("udp") == "true"
    web = given.get("http", "true") == "true"
    if web and (tcp or udp):
        say("Can't server TCP/UDP mode and HTTP mode at the same time")
        os._exit(1)
    name = http.hostname().encode()
    made = server(close=given.get("close") == "true")

    def handle(request):
        say(f"HTTP request from {request.peer[0]}:{request.peer[1]}")
        return http.Answer(200, name)

    def accepted(sock):
        fd, peer = sock._accept()
        say(f"TCP request from {peer[0]}:{peer[1]}")
        try:
            os.write(fd, name)
        finally:
            os.close(fd)

    def asked(sock):
        _, peer = sock.recvfrom(16)
        say(f"UDP request from {peer[0]}:{peer[1]}")
        sock.sendto(name, peer)

    if web:
        listen(made, port, handle)
    for wanted, kind, ready in ((tcp, _socket.SOCK_STREAM, accepted), (udp, _socket.SOCK_DGRAM, asked)):
        if wanted:
            sock = _socket.socket(_socket.AF_INET, kind)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            sock.bind((http.address(), port))
            if kind == _socket.SOCK_STREAM:
                sock.listen(128)
            made.watch(sock, ready)
    say(f"Serving on port {port}.\n")
    _signal.signal(14, lambda *_: made.stop())  # a minute after it is told to end, so that its pod's end can be watched
    _signal.signal(15, lambda *_: (say("Shutting down after receiving signal: terminated.\n"), _signal.alarm(60)))
    made.run()
