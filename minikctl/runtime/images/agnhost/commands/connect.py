"""Tries a connection and says in one word what is wrong with it: `[--timeout 2s] [--protocol tcp|udp] HOST:PORT`."""

import socket
import sys

import _server as http
from common import flags, seconds


def main(words):
    given, left = flags(words)
    if len(left) != 1:
        http.fail(f"Error: accepts 1 arg(s), received {len(left)}")
    host, colon, port = left[0].rpartition(":")
    if not colon:
        http.fail(f"UNKNOWN: address {left[0]}: missing port in address")
    protocol, limit = given.get("protocol", "tcp"), seconds(given.get("timeout", "0")) or None
    if protocol not in ("tcp", "udp"):
        http.fail("OTHER: protocol not supported" if protocol == "sctp" else "Unsupported protocol")
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    try:
        family, _, _, _, place = socket.getaddrinfo(host.strip("[]"), port, type=kind)[0]
    except OSError as e:
        http.fail(f"DNS: lookup {host}: {e.strerror}")
    with socket.socket(family, kind) as sock:
        sock.settimeout(limit)
        try:
            sock.connect(place)
            if protocol == "udp":
                sock.sendall(given.get("udp-data", "hostname").encode() + b"\n")
                if not sock.recv(1024):
                    http.fail(
                        "OTHER: No data received from the server. Cannot guarantee the server received the request."
                    )
        except TimeoutError:
            http.fail("TIMEOUT")
        except ConnectionRefusedError:
            http.fail("REFUSED")
        except OSError as e:
            http.fail(f"OTHER: dial {protocol} {left[0]}: {e.strerror}")
    sys.exit(0)
