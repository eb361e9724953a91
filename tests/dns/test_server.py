"""The server: packets over real sockets of the loopback interface."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, A, DNSRecord

from minikctl.client.informer import Informer
from minikctl.dns import server as server_module
from minikctl.dns.records import Records
from minikctl.dns.server import Server
from minikctl.dns.upstream import Upstream, resolvers
from tests.dns.objects import endpoint, external, informer, metadata, port, service, slice_of
from tests.support.ports import udp_and_tcp

WEB = "web.default.svc.cluster.local"


class Resolver:
    """A resolver of the host: knows example.com only, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.udp, self.tcp = udp_and_tcp()
        self.port = self.udp.getsockname()[1]
        for target in (self._udp, self._tcp):
            threading.Thread(target=target, daemon=True).start()

    def _reply(self, packet: bytes) -> bytes:
        query = DNSRecord.parse(packet)
        reply = query.reply()
        self.asked.append(str(query.q.qname))
        if str(query.q.qname) == "example.com.":
            reply.add_answer(RR("example.com", QTYPE.A, rdata=A("192.0.2.10"), ttl=5))
        else:
            reply.header.rcode = RCODE.NXDOMAIN
        return bytes(reply.pack())

    def _udp(self) -> None:
        while True:
            try:
                packet, client = self.udp.recvfrom(4096)
            except OSError:
                return
            self.udp.sendto(b"\0\0", client)  # what nobody can read
            self.udp.sendto(self._reply(packet[:2] + packet[2:]), client)

    def _tcp(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection:
                reply = self._reply(connection.recv(4096)[2:])
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def close(self) -> None:
        for sock in (self.udp, self.tcp):
            sock.shutdown(socket.SHUT_RDWR) if sock is self.tcp else None
            sock.close()


class Running:
    def __init__(self, servers: list[str], upstream_port: int):
        hosts = [endpoint(f"10.244.{i // 200}.{i % 200 + 1}") for i in range(300)]
        self.services: Informer = informer(
            "services",
            service("web", "10.96.1.1", port("http", 80)),
            service("few", "None", port("http", 80)),
            service("many", "None", port("http", 80)),
            external("out", "example.com"),
            external("lost", "nowhere.example"),
        )
        slices = informer(
            "endpointslices",
            slice_of("few", [port("http", 80)], *(endpoint(f"10.244.9.{i}") for i in (1, 2, 3))),
            slice_of("many", [port("http", 80)], *hosts),
        )
        spaces = informer("namespaces", {"metadata": {"name": "default", "resourceVersion": "1"}})
        udp, tcp = udp_and_tcp()
        self.address = udp.getsockname()
        self.server = Server(Records(self.services, slices, spaces), udp, tcp, Upstream(servers, upstream_port))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    def send(self, packet: bytes, timeout: float = 60.0) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.sendto(packet, self.address)
            return client.recv(65535)

    def ask(self, name: str, kind: str = "A", *, edns: int = 0) -> DNSRecord:
        query = DNSRecord.question(name, kind)
        if edns:
            query.add_ar(EDNS0(udp_len=edns))
        reply = DNSRecord.parse(self.send(query.pack()))
        assert reply.header.id == query.header.id
        return reply

    def ask_by_tcp(self, name: str, kind: str = "A") -> DNSRecord:
        with socket.create_connection(self.address, 60) as connection:
            packet = DNSRecord.question(name, kind).pack()
            connection.sendall(struct.pack("!H", len(packet)) + packet)
            stream = connection.makefile("rb")
            (size,) = struct.unpack("!H", stream.read(2))
            return DNSRecord.parse(stream.read(size))

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    own = Resolver()
    yield own
    own.close()


@pytest.fixture
def dns(resolver: Resolver) -> Iterator[Running]:
    running = Running(["127.0.0.1"], resolver.port)
    yield running
    running.stop()


def addresses(reply: DNSRecord) -> list[str]:
    return [str(r.rdata) for r in reply.rr]


def test_a_service_has_its_address(dns: Running) -> None:
    reply = dns.ask(WEB)
    assert addresses(reply) == ["10.96.1.1"]
    assert reply.rr[0].ttl == 30
    assert reply.header.aa and reply.header.ra and not reply.header.tc


def test_the_name_comes_back_as_it_was_written(dns: Running) -> None:
    assert str(dns.ask("wEb.Default.svc.CLUSTER.local").rr[0].rname) == "wEb.Default.svc.CLUSTER.local."


@pytest.mark.parametrize(("name", "kind", "code"), [(WEB, "AAAA", "NOERROR"), (f"x.{WEB}", "A", "NXDOMAIN")])
def test_a_denial_carries_the_zone(dns: Running, name: str, kind: str, code: str) -> None:
    reply = dns.ask(name, kind)
    assert RCODE[reply.header.rcode] == code
    assert not reply.rr
    assert str(reply.auth[0].rname) == "cluster.local."
    assert QTYPE[reply.auth[0].rtype] == "SOA"


def test_addresses_take_turns(dns: Running) -> None:
    first = {addresses(dns.ask("few.default.svc.cluster.local"))[0] for _ in range(9)}
    assert first == {"10.244.9.1", "10.244.9.2", "10.244.9.3"}


def test_a_change_is_seen_at_once(dns: Running) -> None:
    assert addresses(dns.ask(WEB)) == ["10.96.1.1"]
    dns.services.apply("MODIFIED", service("web", "10.96.7.7", port("http", 80)))
    assert addresses(dns.ask(WEB)) == ["10.96.7.7"]
    dns.services.apply("DELETED", {"metadata": metadata("web")})
    assert RCODE[dns.ask(WEB).header.rcode] == "NXDOMAIN"


def test_a_long_answer_is_cut_and_whole_by_tcp(dns: Running) -> None:
    many = "many.default.svc.cluster.local"
    reply = dns.ask(many)
    assert reply.header.tc and not reply.rr
    assert len(dns.ask_by_tcp(many).rr) == 300
    assert dns.ask(many, edns=4096).header.tc
    assert len(dns.ask_by_tcp("few.default.svc.cluster.local", "SRV").ar) == 3


def test_edns_is_answered_with_edns(dns: Running) -> None:
    assert [QTYPE[r.rtype] for r in dns.ask(WEB, edns=1400).ar] == ["OPT"]
    assert not dns.ask(WEB).ar


def test_names_of_others_are_asked_for(dns: Running, resolver: Resolver) -> None:
    assert addresses(dns.ask("example.com")) == ["192.0.2.10"]
    assert addresses(dns.ask_by_tcp("example.com")) == ["192.0.2.10"]
    assert RCODE[dns.ask("nowhere.example").header.rcode] == "NXDOMAIN"
    dns.ask(WEB)
    assert WEB + "." not in resolver.asked


def test_an_external_name_is_followed(dns: Running) -> None:
    reply = dns.ask("out.default.svc.cluster.local")
    assert addresses(reply) == ["example.com.", "192.0.2.10"]
    assert addresses(dns.ask_by_tcp("out.default.svc.cluster.local")) == ["example.com.", "192.0.2.10"]
    assert addresses(dns.ask("lost.default.svc.cluster.local")) == ["nowhere.example."]


@pytest.mark.parametrize("servers", [[], ["127.0.0.1"]], ids=["none", "nobody listens"])
def test_without_a_resolver_the_others_fail_at_once(servers: list[str]) -> None:
    running = Running(servers, 1)
    try:
        assert RCODE[running.ask("example.com").header.rcode] == "SERVFAIL"
        assert addresses(running.ask("out.default.svc.cluster.local")) == ["example.com."]
        assert addresses(running.ask(WEB)) == ["10.96.1.1"]
    finally:
        running.stop()


def test_packets_of_any_bytes_do_no_harm(dns: Running) -> None:
    rng = random.Random(7)
    good = bytearray(DNSRecord.question(WEB).pack())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for i in range(2000):
            packet = bytearray(rng.randbytes(rng.randrange(80)))
            if i % 2:
                packet = bytearray(good)
                for _ in range(rng.randrange(1, 6)):
                    packet[rng.randrange(len(packet))] = rng.randrange(256)
                del packet[rng.randrange(12, len(packet) + 1) :]
            client.sendto(bytes(packet), dns.address)
            if i % 50 == 0:
                assert addresses(dns.ask(WEB)) == ["10.96.1.1"]
    assert addresses(dns.ask(WEB)) == ["10.96.1.1"]


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x05ab", "FORMERR"),
        (struct.pack("!HHHHHH", 7, 0x0100, 0, 0, 0, 0), "FORMERR"),
        (struct.pack("!HHHHHH", 7, 0x2000, 0, 0, 0, 0), "NOTIMP"),
        (struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x07version\x04bind\0\0\x10\0\x03", "REFUSED"),
        (struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\x01\0\x01", "FORMERR"),
    ],
)
def test_refusals(dns: Running, packet: bytes, code: str) -> None:
    reply = dns.send(packet)
    assert reply[:2] == packet[:2]
    assert RCODE[reply[3] & 15] == code


def test_tcp_clients_that_misbehave_lose_only_themselves(dns: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 4)
    slow = [socket.create_connection(dns.address, 60) for _ in range(8)]
    try:
        for one in slow:
            one.sendall(b"\0")
        assert addresses(dns.ask_by_tcp(WEB)) == ["10.96.1.1"]
        for one in slow:
            assert one.recv(1) == b""
    finally:
        for one in slow:
            one.close()


def test_resolvers_of_the_host(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# nameserver 1.1.1.1\nsearch x\nnameserver 192.0.2.1\nnameserver ::1\nnameserver\n")
    assert resolvers(conf) == ["192.0.2.1", "::1"]
    assert resolvers(tmp_path / "none") == []
