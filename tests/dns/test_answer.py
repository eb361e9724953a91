"""Names and what they mean: Kubernetes' DNS specification as a table."""

from __future__ import annotations

import pytest

from minikctl.dns.answer import Answer, Data, answer
from tests.dns.objects import endpoint, external, port, records, service, slice_of

HTTP, METRICS, DNS_PORT = port("http", 80), port("metrics", 9090), port("dns", 53, "UDP")
RECORDS = records(
    [
        service("web", "10.96.1.1", HTTP, METRICS),
        service("plain", "10.96.1.2", port("", 8080)),
        service("resolver", "10.96.1.3", DNS_PORT, namespace="shop"),
        service("db", "None", port("pg", 5432)),
        service("portless", "None"),
        service("empty", "None", HTTP),
        service("dual", "10.96.1.4", HTTP, clusterIPs=["10.96.1.4", "fd00::4"]),
        external("out", "db.example.com"),
        external("digits", "192.0.2.7"),
        external("inside", "web.default.svc.cluster.local"),
        external("twice", "inside.default.svc.cluster.local."),
        external("round", "about.default.svc.cluster.local"),
        external("about", "round.default.svc.cluster.local"),
        external("dangling", "nothing.default.svc.cluster.local"),
    ],
    [
        slice_of("web", [port("http", 8080), port("metrics", 9090)], endpoint("10.244.0.9")),
        slice_of(
            "db",
            [port("pg", 5432)],
            endpoint("10.244.0.5", "db-0"),
            endpoint("10.244.1.6", "db-1"),
            endpoint("10.244.1.7", "db-2", ready=False),
        ),
        slice_of("db", [port("pg", 5432)], endpoint("10.244.2.8", ready=None), name="db-by-hand"),
        slice_of("portless", [], endpoint("10.244.0.7")),
        slice_of("empty", [HTTP], endpoint("10.244.0.3", ready=False)),
        slice_of("orphan", [HTTP], endpoint("10.244.0.44")),
    ],
)
NAME_ERROR, NOTHING = "no such name", "no such record"


def ask(name: str, kind: str) -> list[Data] | str | None:
    found = answer(name, kind, RECORDS, "169.254.1.2")
    if found is None:
        return None
    if not found.exists:
        return NAME_ERROR
    return [r.data for r in found.records] or NOTHING


WEB = "web.default.svc.cluster.local"
DB = "db.default.svc.cluster.local"
DB_HOSTS = (f"db-0.{DB}", f"db-1.{DB}", f"10-244-2-8.{DB}")

CASES: list[tuple[str, str, list[Data] | str | None]] = [
    # Services with a cluster IP
    (WEB, "A", ["10.96.1.1"]),
    (WEB.upper(), "A", ["10.96.1.1"]),
    (WEB + ".", "A", ["10.96.1.1"]),
    (WEB, "AAAA", NOTHING),
    (WEB, "MX", NOTHING),
    (WEB, "TXT", NOTHING),
    ("dual.default.svc.cluster.local", "A", ["10.96.1.4"]),
    ("dual.default.svc.cluster.local", "AAAA", ["fd00::4"]),
    ("resolver.shop.svc.cluster.local", "A", ["10.96.1.3"]),
    ("resolver.default.svc.cluster.local", "A", NAME_ERROR),
    ("nothing.default.svc.cluster.local", "A", NAME_ERROR),
    ("web.nowhere.svc.cluster.local", "A", NAME_ERROR),
    ("web.default.cluster.local", "A", NAME_ERROR),
    # SRV
    (f"_http._tcp.{WEB}", "SRV", [(0, 100, 80, WEB)]),
    (f"_HTTP._TCP.{WEB}", "SRV", [(0, 100, 80, WEB)]),
    (f"_http._udp.{WEB}", "SRV", NAME_ERROR),
    (f"_ftp._tcp.{WEB}", "SRV", NAME_ERROR),
    (WEB, "SRV", [(0, 50, 80, WEB), (0, 50, 9090, WEB)]),
    ("_dns._udp.resolver.shop.svc.cluster.local", "SRV", [(0, 100, 53, "resolver.shop.svc.cluster.local")]),
    (f"_pg._tcp.{DB}", "SRV", [(0, 33, 5432, h) for h in DB_HOSTS]),
    ("portless.default.svc.cluster.local", "SRV", NOTHING),
    (f"_a._b._c.{WEB}", "SRV", NAME_ERROR),
    # headless Services and their endpoints
    (DB, "A", ["10.244.0.5", "10.244.1.6", "10.244.2.8"]),
    (DB, "AAAA", NOTHING),
    (f"db-0.{DB}", "A", ["10.244.0.5"]),
    (f"db-1.{DB}", "A", ["10.244.1.6"]),
    (f"db-2.{DB}", "A", NAME_ERROR),
    (f"10-244-2-8.{DB}", "A", ["10.244.2.8"]),
    (f"10-244-0-5.{DB}", "A", NAME_ERROR),
    ("portless.default.svc.cluster.local", "A", ["10.244.0.7"]),
    ("empty.default.svc.cluster.local", "A", NAME_ERROR),
    ("orphan.default.svc.cluster.local", "A", NAME_ERROR),
    (f"10-244-0-9.{WEB}", "A", ["10.244.0.9"]),
    # pods by their addresses
    ("10-244-3-4.default.pod.cluster.local", "A", ["10.244.3.4"]),
    ("10-244-3-4.default.pod.cluster.local", "AAAA", NOTHING),
    ("10-244-3-400.default.pod.cluster.local", "A", NAME_ERROR),
    ("db-0.default.pod.cluster.local", "A", NAME_ERROR),
    ("10-244-3-4.nowhere.pod.cluster.local", "A", NAME_ERROR),
    ("fd00--4.default.pod.cluster.local", "AAAA", ["fd00::4"]),
    ("x.10-244-3-4.default.pod.cluster.local", "A", NAME_ERROR),
    # ExternalName
    ("out.default.svc.cluster.local", "A", ["db.example.com"]),
    ("out.default.svc.cluster.local", "CNAME", ["db.example.com"]),
    ("digits.default.svc.cluster.local", "A", NAME_ERROR),
    ("inside.default.svc.cluster.local", "A", [WEB, "10.96.1.1"]),
    ("inside.default.svc.cluster.local", "AAAA", [WEB]),
    ("twice.default.svc.cluster.local", "A", ["inside.default.svc.cluster.local", WEB, "10.96.1.1"]),
    ("dangling.default.svc.cluster.local", "A", ["nothing.default.svc.cluster.local"]),
    ("x.out.default.svc.cluster.local", "A", NAME_ERROR),
    # what lies between
    ("default.svc.cluster.local", "A", NOTHING),
    ("nowhere.svc.cluster.local", "A", NAME_ERROR),
    ("svc.cluster.local", "A", NOTHING),
    ("cluster.local", "A", NOTHING),
    ("cluster.local", "NS", ["ns.dns.cluster.local"]),
    ("ns.dns.cluster.local", "A", ["10.96.0.10"]),
    ("any.thing.cluster.local", "A", NAME_ERROR),
    ("..svc.cluster.local", "A", NAME_ERROR),
    ("dns-version.cluster.local", "TXT", ["1.1.0"]),
    ("dns-version.cluster.local", "A", NOTHING),
    # addresses
    ("1.1.96.10.in-addr.arpa", "PTR", [WEB]),
    ("5.0.244.10.in-addr.arpa", "PTR", [f"db-0.{DB}"]),
    ("8.2.244.10.in-addr.arpa", "PTR", [f"10-244-2-8.{DB}"]),
    ("7.1.244.10.in-addr.arpa", "PTR", NAME_ERROR),
    ("9.9.96.10.in-addr.arpa", "PTR", NAME_ERROR),
    ("1.1.96.10.in-addr.arpa", "A", NOTHING),
    ("4.0.0.0." + "0.0.0.0." * 6 + "0.0.d.f.ip6.arpa", "PTR", ["dual.default.svc.cluster.local"]),
    ("8.8.8.8.in-addr.arpa", "PTR", None),
    ("8.8.in-addr.arpa", "PTR", None),
    ("x.ip6.arpa", "PTR", None),
    # others
    ("host.minikctl.internal", "A", ["169.254.1.2"]),
    ("host.minikctl.internal", "AAAA", NOTHING),
    ("minikctl.internal", "A", NOTHING),
    ("guest.minikctl.internal", "A", NAME_ERROR),
    ("example.com", "A", None),
    ("notcluster.local", "A", None),
    ("web", "A", None),
    ("", "A", None),
]


@pytest.mark.parametrize(("name", "kind", "expected"), CASES, ids=[f"{n} {k}" for n, k, _ in CASES])
def test_meaning(name: str, kind: str, expected: list[Data] | str | None) -> None:
    assert ask(name, kind) == expected


def test_a_chain_that_leaves_the_cluster_says_where_to() -> None:
    found = answer("out.default.svc.cluster.local", "A", RECORDS)
    assert found is not None
    assert found.elsewhere == "db.example.com"


def test_a_chain_without_end_ends() -> None:
    found = answer("round.default.svc.cluster.local", "A", RECORDS)
    assert isinstance(found, Answer)
    assert len(found.records) == 8


def test_srv_brings_the_addresses_of_its_targets() -> None:
    found = answer(f"_pg._tcp.{DB}", "SRV", RECORDS)
    assert found is not None
    assert [(r.name, r.data) for r in found.additional] == [
        (DB_HOSTS[0], "10.244.0.5"),
        (DB_HOSTS[1], "10.244.1.6"),
        (DB_HOSTS[2], "10.244.2.8"),
    ]


def test_the_host_has_no_name_where_it_cannot_be_reached() -> None:
    assert answer("host.minikctl.internal", "A", RECORDS) == Answer(exists=False)
