"""DNS packets: reading questions, writing answers (RFC 1035, EDNS0 of RFC 6891). Bytes in, bytes out.

Guarantee: no packet makes these functions raise anything but what they say.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dnslib import AAAA, CNAME, EDNS0, NS, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSError, DNSLabel, DNSRecord

from minikctl.dns.answer import NAME_SERVER, TTL, ZONE, Answer, Record

HEADER = 12
PLAIN_SIZE = 512
"""What a UDP client without EDNS0 can take."""
LARGEST_UDP = 1232
"""What passes every link unfragmented."""
_RESPONSE, _OPCODE = 0x8000, 0x7800
_DATA = {"A": A, "AAAA": AAAA, "CNAME": CNAME, "NS": NS, "PTR": PTR, "TXT": TXT}


@dataclass(frozen=True, slots=True)
class Query:
    """A question. size: the longest UDP answer that the client takes; edns: whether it spoke EDNS0."""

    id: int
    name: str
    type: str
    size: int
    edns: bool
    record: Any


def read(packet: bytes) -> Query | bytes | None:
    """The question of a packet; bytes: the refusal to send back; None: not to be answered at all."""
    if len(packet) < HEADER:
        return None
    (flags,) = struct.unpack_from("!H", packet, 2)
    if flags & _RESPONSE:
        return None
    if flags & _OPCODE:
        return _refusal(packet, flags, RCODE.NOTIMP)
    try:
        record = DNSRecord.parse(packet)
        name = ".".join(label.decode("latin-1") for label in record.q.qname.label)
    except (DNSError, ValueError, IndexError, struct.error, RecursionError):
        return _refusal(packet, flags, RCODE.FORMERR)
    if len(record.questions) != 1:
        return _refusal(packet, flags, RCODE.FORMERR)
    if record.q.qclass not in (1, 255):
        return _refusal(packet, flags, RCODE.REFUSED)
    opt = next((r for r in record.ar if r.rtype == QTYPE.OPT), None)
    if opt is not None and (opt.ttl >> 16) & 0xFF:
        return _bad_version(record)
    size = PLAIN_SIZE if opt is None else min(max(opt.rclass, PLAIN_SIZE), LARGEST_UDP)
    kind = QTYPE.forward.get(record.q.qtype) or f"TYPE{record.q.qtype}"
    return Query(record.header.id, name, kind, size, opt is not None, record)


def write(
    query: Query, answer: Answer, serial: int, *, turn: int = 0, udp: bool = True, foreign: Sequence[Any] = ()
) -> bytes:
    """The packet that answers. `turn` rotates addresses; a UDP answer that is too long is cut and says so (TC).

    foreign: records of the last name of a chain of CNAMEs, as an upstream server gave them.
    """
    reply = query.record.reply(ra=1, aa=1)
    reply.header.rcode = RCODE.NOERROR if answer.exists else RCODE.NXDOMAIN
    for record in _rotated(answer.records, turn):
        reply.add_answer(_rr(record, query))
    for one in foreign:
        reply.add_answer(one)
    if answer.denied:
        reply.add_auth(_soa(serial))
    for record in answer.additional:
        reply.add_ar(_rr(record, query))
    if query.edns:
        reply.add_ar(EDNS0(udp_len=LARGEST_UDP))
    packed = reply.pack()
    if udp and len(packed) > query.size and answer.additional:
        reply.ar = [r for r in reply.ar if r.rtype == QTYPE.OPT]
        packed = reply.pack()
    if udp and len(packed) > query.size:
        reply.rr, reply.auth, reply.header.tc = [], [], 1
        packed = reply.pack()
    return bytes(packed)


def failure(query: Query) -> bytes:
    """SERVFAIL: whom we asked gave no answer, or there is nobody to ask."""
    reply = query.record.reply(ra=1, aa=0)
    reply.header.rcode = RCODE.SERVFAIL
    if query.edns:
        reply.add_ar(EDNS0(udp_len=LARGEST_UDP))
    return bytes(reply.pack())


def question(name: str, kind: str, number: int) -> bytes:
    """A question of our own, for another server."""
    record = DNSRecord.question(name, kind)
    record.header.id = number
    return bytes(record.pack())


def answers_in(packet: bytes) -> list[Any] | None:
    """The answer records of somebody else's packet; None when it cannot be read."""
    try:
        return list(DNSRecord.parse(packet).rr)
    except (DNSError, ValueError, IndexError, struct.error, RecursionError):
        return None


def same_question(one: bytes, other: bytes) -> bool:
    """Is `other` about what `one` asks? Compared without regard to case."""
    end = _end_of_question(one)
    return end > 0 and end == _end_of_question(other) and one[HEADER:end].lower() == other[HEADER:end].lower()


def _end_of_question(packet: bytes) -> int:
    """Where the first question ends, 0 for one that is cut off."""
    at = HEADER
    while at < len(packet) and packet[at]:
        if packet[at] > 63:
            return 0
        at += packet[at] + 1
    return at + 5 if at + 5 <= len(packet) else 0


def _refusal(packet: bytes, flags: int, code: int) -> bytes:
    """A header alone."""
    return packet[:2] + struct.pack("!HHHHH", _RESPONSE | (flags & 0x7900) | code, 0, 0, 0, 0)


def _bad_version(record: Any) -> bytes:
    reply = record.reply(ra=1, aa=0)
    reply.add_ar(EDNS0(udp_len=LARGEST_UDP, ext_rcode=1))  # BADVERS is 16: 1 above the header's four bits
    return bytes(reply.pack())


def _rotated(records: tuple[Record, ...], turn: int) -> tuple[Record, ...]:
    """CNAMEs stay in front; the addresses begin with another one each time."""
    first = next((i for i, r in enumerate(records) if r.type in ("A", "AAAA")), len(records))
    head, tail = records[:first], records[first:]
    shift = turn % len(tail) if tail else 0
    return (*head, *tail[shift:], *tail[:shift])


def _rr(record: Record, query: Query) -> Any:
    """The owner's name is written as it was asked for, letter case included."""
    owner = query.record.q.qname if record.name == query.name else _label(record.name)
    kind = getattr(QTYPE, record.type)
    if isinstance(record.data, tuple):
        priority, weight, port, target = record.data
        return RR(owner, kind, rdata=SRV(priority, weight, port, _label(target)), ttl=TTL)
    named = record.type in ("CNAME", "NS", "PTR")
    return RR(owner, kind, rdata=_DATA[record.type](_label(record.data) if named else record.data), ttl=TTL)


def _label(name: str) -> Any:
    return DNSLabel([label.encode("latin-1") for label in name.split(".")])


def _soa(serial: int) -> Any:
    times = (serial & 0xFFFFFFFF, 7200, 1800, 86400, TTL)
    return RR(ZONE, QTYPE.SOA, rdata=SOA(NAME_SERVER, f"hostmaster.{ZONE}", times), ttl=TTL)
