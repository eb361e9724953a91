"""A stub resolver for the applets: one question by UDP, again by TCP when the answer was cut. Run without this package."""

import os
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "ANY": 255}
NAMES = {number: name for name, number in TYPES.items()} | {41: "OPT"}
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Config:
    """resolv.conf of the container."""

    def __init__(self):
        self.servers, self.search, self.ndots = [], [], 1
        root = os.environ.get("MINIKCTL_ROOT", "/").rstrip("/")
        place = f"{root}/etc/resolv.conf"
        try:
            with open(place if os.path.exists(place) else "/etc/resolv.conf") as f:
                lines = f.read().splitlines()
        except OSError:
            lines = []
        for words in (line.split() for line in lines):
            if len(words) > 1 and words[0] == "nameserver":
                self.servers.append(words[1])
            elif words[:1] in (["search"], ["domain"]):
                self.search = words[1:]
            elif words[:1] == ["options"]:
                for word in words[1:]:
                    if word.startswith("ndots:") and word[6:].isdigit():
                        self.ndots = int(word[6:])

    def candidates(self, name):
        """The names to try, in order."""
        if name.endswith("."):
            return [name.rstrip(".")]
        searched = [f"{name}.{domain.rstrip('.')}" for domain in self.search]
        return [name, *searched] if name.count(".") >= self.ndots else [*searched, name]


class Record:
    def __init__(self, name, kind, ttl, data):
        self.name, self.kind, self.ttl, self.data = name, kind, ttl, data


class Reply:
    """code: NOERROR, NXDOMAIN…; sections of Records; flags and size of the packet."""

    def __init__(self, packet):
        self.size = len(packet)
        self.id, self.flags, questions, *counts = struct.unpack_from("!6H", packet)
        self.code = CODES.get(self.flags & 15, f"RESERVED{self.flags & 15}")
        self.cut = bool(self.flags & 0x200)
        at = 12
        for _ in range(questions):
            _, at = _name(packet, at)
            at += 4
        self.answers, self.authority, self.additional = [], [], []
        for section, count in zip((self.answers, self.authority, self.additional), counts):
            for _ in range(count):
                record, at = _record(packet, at)
                section.append(record)


def ask(name, kind, server, port=53, *, tcp=False, timeout=5.0, tries=2):
    """A Reply. Raises OSError (TimeoutError when nobody answers), ValueError for a name or reply that cannot be."""
    number = int.from_bytes(os.urandom(2), "big")
    packet = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + _encoded(name) + struct.pack("!2H", TYPES[kind], 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    reply = None
    for _ in range(tries if not tcp else 0):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.connect((server, port))
            sock.send(packet)
            try:
                data = sock.recv(65535)
            except TimeoutError:
                continue
            if data[:2] == packet[:2]:
                reply = _parsed(data)
                break
    if reply is None and not tcp:
        raise TimeoutError("connection timed out; no servers could be reached")
    return _ask_by_tcp(packet, family, server, port, timeout) if tcp or reply.cut else reply


def _ask_by_tcp(packet, family, server, port, timeout):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect((server, port))
        sock.sendall(struct.pack("!H", len(packet)) + packet)
        with sock.makefile("rb") as stream:
            head = stream.read(2)
            if len(head) < 2:
                raise TimeoutError("connection closed; no servers could be reached")
            return _parsed(stream.read(struct.unpack("!H", head)[0]))


def _parsed(data):
    try:
        return Reply(data)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise ValueError("the reply cannot be read") from None


def reverse(address):
    """The name below in-addr.arpa or ip6.arpa. Raises ValueError."""
    import ipaddress

    return ipaddress.ip_address(address).reverse_pointer


def _encoded(name):
    out = b""
    for label in name.rstrip(".").split(".") if name.rstrip(".") else ():
        raw = label.encode()
        if not 0 < len(raw) < 64:
            raise ValueError(f"'{name}' is not a legal name")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def _name(packet, at):
    labels, end, hops = [], 0, 0
    while packet[at]:
        if packet[at] >= 192:
            end = end or at + 2
            at = (packet[at] & 63) << 8 | packet[at + 1]
            hops += 1
            if hops > 64:
                raise IndexError
            continue
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
        at += packet[at] + 1
    return ".".join(labels), end or at + 1


def _record(packet, at):
    name, at = _name(packet, at)
    kind, _class, ttl, size = struct.unpack_from("!HHIH", packet, at)
    at += 10
    raw = packet[at : at + size]
    if kind == 1:
        data = socket.inet_ntoa(raw)
    elif kind == 28:
        data = socket.inet_ntop(socket.AF_INET6, raw)
    elif kind in (2, 5, 12):
        data = _name(packet, at)[0] + "."
    elif kind == 15:
        data = f"{struct.unpack_from('!H', raw)[0]} {_name(packet, at + 2)[0]}."
    elif kind == 33:
        priority, weight, port = struct.unpack_from("!3H", raw)
        data = f"{priority} {weight} {port} {_name(packet, at + 6)[0]}."
    elif kind == 16:
        parts, i = [], 0
        while i < len(raw):
            parts.append('"' + raw[i + 1 : i + 1 + raw[i]].decode("latin-1") + '"')
            i += raw[i] + 1
        data = " ".join(parts)
    elif kind == 6:
        server, next_ = _name(packet, at)
        mail, next_ = _name(packet, next_)
        data = f"{server}. {mail}. " + " ".join(map(str, struct.unpack_from("!5I", packet, next_)))
    else:
        data = raw.hex()
    return Record(name, NAMES.get(kind, f"TYPE{kind}"), ttl, data), at + size
