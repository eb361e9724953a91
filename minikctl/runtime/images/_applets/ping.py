"""ping [-c COUNT] [-W SECONDS] [-i SECONDS] [-q] HOST: as busybox's."""

import os
import select
import socket
import struct
import sys
import time

ECHO, ECHO_REPLY = 8, 0


def fail(text, code=1):
    sys.stderr.write(text + "\n")
    sys.exit(code)


def main(argv):
    count, wait, pause, size, quiet, host, args = 0, 10.0, 1.0, 56, False, "", iter(argv)
    try:
        for word in args:
            if word[:2] in ("-c", "-W", "-w", "-i", "-s"):
                value = float(word[2:] or next(args, "nothing"))
                if word[1] == "c":
                    count = int(value)
                elif word[1] == "i":
                    pause = value
                elif word[1] == "s":
                    size = int(value)
                else:
                    wait = value
            elif word == "-q":
                quiet = True
            elif not word.startswith("-"):
                host = word
    except ValueError:
        fail("ping: invalid number")
    if not host:
        fail("Usage: ping [-c COUNT] [-W SECONDS] [-i SECONDS] HOST")
    try:
        address = socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
    except socket.gaierror:
        fail(f"ping: bad address '{host}'")
    sock, raw = open_socket()
    print(f"PING {host} ({address}): {size} data bytes")
    times, sent = [], 0
    try:
        while not count or sent < count:
            began = time.monotonic()
            took, ttl = once(sock, raw, address, sent, size, wait)
            sent += 1
            if took is not None:
                times.append(took)
                if not quiet:
                    print(f"{size + 8} bytes from {address}: seq={sent - 1} ttl={ttl} time={took:.3f} ms", flush=True)
            if not count or sent < count:
                time.sleep(max(0.0, pause - (time.monotonic() - began)))
    except KeyboardInterrupt:
        pass
    except OSError as e:
        fail(f"ping: sendto: {e.strerror}")
    lost = 100 * (sent - len(times)) // max(sent, 1)
    print(f"\n--- {host} ping statistics ---")
    print(f"{sent} packets transmitted, {len(times)} packets received, {lost}% packet loss")
    if times:
        print(f"round-trip min/avg/max = {min(times):.3f}/{sum(times) / len(times):.3f}/{max(times):.3f} ms")
    sys.exit(0 if times else 1)


def open_socket():
    for kind, raw in ((socket.SOCK_RAW, True), (socket.SOCK_DGRAM, False)):
        try:
            return socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP), raw
        except PermissionError:
            continue
    return fail("ping: permission denied (are you root?)")


def once(sock, raw, address, number, size, wait):
    """(milliseconds or None, ttl)."""
    own = os.getpid() & 0xFFFF
    body = bytes(size)
    head = struct.pack("!BBHHH", ECHO, 0, 0, own, number & 0xFFFF)
    head = struct.pack("!BBHHH", ECHO, 0, checksum(head + body), own, number & 0xFFFF)
    began = time.monotonic()
    sock.sendto(head + body, (address, 0))
    while (left := began + wait - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            break
        data = sock.recv(65535)
        ttl = data[8] if raw else 64
        data = data[(data[0] & 15) * 4 :] if raw else data
        kind, _code, _sum, of, seq = struct.unpack_from("!BBHHH", data)
        if kind == ECHO_REPLY and seq == number & 0xFFFF and (of == own or not raw):
            return (time.monotonic() - began) * 1000, ttl
    return None, 0


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


main(sys.argv[1:])
