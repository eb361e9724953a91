"""Says what the environment has: SERVE_PORT_80, SERVE_TCP_PORT_80, SERVE_UDP_PORT_53, SERVE_TLS_PORT_443.

TLS takes $CERT_FILE and $KEY_FILE, else the image's own certificate.
"""

import _socket
import os

import _server as http
from common import compact, flags, listen, place, say, server

WEB, UDP, TLS = ("SERVE_PORT_", "SERVE_TCP_PORT_"), "SERVE_UDP_PORT_", "SERVE_TLS_PORT_"


def main(words):
    given, _ = flags(words)
    as_json = given.get("json-response") == "true"
    made = server()

    def saying(value):
        def handle(request):
            if as_json:
                return http.Answer(200, compact({"Method": request.method, "Body": value}), "application/json")
            return http.Answer(200, value)

        return handle

    for key, value in os.environ.items():
        port = key.rpartition("_")[2]
        if key.startswith(WEB):
            listen(made, port, saying(value))
        elif key.startswith(TLS):
            cert, key_file = os.environ.get("CERT_FILE", "/localhost.crt"), os.environ.get("KEY_FILE", "/localhost.key")
            listen(made, port, saying(value), http.tls(place(cert), place(key_file)))
        elif key.startswith(UDP):
            _udp(made, int(port), value.encode())
    made.run()


def _udp(made, port, value):
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    sock.bind((http.address(), port))

    def asked(listener):
        _, peer = listener.recvfrom(16)
        listener.sendto(value, peer)

    made.watch(sock, asked)
    say(f"Started UDP server on port {port}")
