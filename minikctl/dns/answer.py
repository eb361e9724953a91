"""What a name means. Pure: a question and the records give an answer; nothing is read, sent or remembered.

Source: Kubernetes "DNS-Based Service Discovery" specification 1.1.0 and the concept "DNS for Services and Pods"; where
these leave it open, as CoreDNS answers with kubeadm's configuration (pods insecure, ttl 30).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, name, namespace
from minikctl.dns.records import Endpoint, Records, hostname_of

ZONE = "cluster.local"
DNS_ADDRESS = "10.96.0.10"
NAME_SERVER = f"ns.dns.{ZONE}"
HOST_ZONE = "minikctl.internal"
HOST_NAME = f"host.{HOST_ZONE}"
TTL = 30
SCHEMA_VERSION = "1.1.0"
OWN_NETWORKS = tuple(ipaddress.ip_network(n) for n in ("10.96.0.0/16", "10.244.0.0/16"))
"""Addresses that nobody else can know a name of."""
LONGEST_CHAIN = 8

Data = str | tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class Record:
    """data: an address, a name without the last dot, a text; of an SRV (priority, weight, port, target)."""

    name: str
    type: str
    data: Data


@dataclass(frozen=True, slots=True)
class Answer:
    """`denied`: the zone's SOA is to be given, since there is no such name (exists=False) or no such record.

    `elsewhere`: the last name of a chain of CNAMEs, which somebody else has to tell.
    """

    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    exists: bool = True
    elsewhere: str = ""

    @property
    def denied(self) -> bool:
        return not self.records


NO_NAME = Answer(exists=False)
NO_DATA = Answer()


@dataclass(slots=True)
class _Found:
    """What stands at a name. `ports`: for SRV, (port, target) and what the targets' addresses are."""

    addresses: list[str] = field(default_factory=list)
    ports: list[tuple[int, str, str]] = field(default_factory=list)
    cname: str = ""


def answer(question: str, kind: str, records: Records, host_address: str = "") -> Answer | None:
    """The answer to `question` (a name without the last dot), for a type such as A, SRV, PTR. None: not our name.

    host_address: where pods reach the host's loopback; "" when they cannot.
    """
    asked = question.lower().rstrip(".")
    if asked == ZONE or asked.endswith(f".{ZONE}"):
        return _in_zone(question, asked, kind, records)
    if asked == HOST_ZONE or asked.endswith(f".{HOST_ZONE}"):
        if asked != HOST_NAME or not host_address:
            return NO_DATA if asked == HOST_ZONE else NO_NAME
        return Answer((Record(question, "A", host_address),)) if kind == "A" else NO_DATA
    if asked.endswith((".in-addr.arpa", ".ip6.arpa")):
        return _reverse(question, asked, kind, records)
    return None


def _in_zone(question: str, asked: str, kind: str, records: Records) -> Answer:
    fixed = _fixed(question, asked, kind)
    if fixed is not None:
        return fixed
    found = _find(asked, records)
    if found is None:
        return NO_NAME
    if found.cname:
        return _alias(question, found.cname, kind, records)
    if kind in ("A", "AAAA"):
        wanted = [a for a in dict.fromkeys(found.addresses) if (":" in a) == (kind == "AAAA")]
        return Answer(tuple(Record(question, kind, a) for a in wanted))
    if kind == "SRV":
        return _srv(question, found)
    return NO_DATA


def _fixed(question: str, asked: str, kind: str) -> Answer | None:
    """The names that are there in every cluster."""
    if asked == ZONE:
        if kind == "NS":
            return Answer((Record(question, "NS", NAME_SERVER),), (Record(NAME_SERVER, "A", DNS_ADDRESS),))
        return NO_DATA
    if asked == f"dns-version.{ZONE}":
        return Answer((Record(question, "TXT", SCHEMA_VERSION),)) if kind == "TXT" else NO_DATA
    if asked == NAME_SERVER:
        return Answer((Record(question, "A", DNS_ADDRESS),)) if kind == "A" else NO_DATA
    return NO_DATA if asked in (f"svc.{ZONE}", f"pod.{ZONE}", f"dns.{ZONE}") else None


def _find(asked: str, records: Records) -> _Found | None:
    """What is at a name of the zone; None when there is no such name."""
    labels = asked[: -len(ZONE) - 1].split(".")
    area, rest = labels[-1], labels[:-1]
    if area not in ("svc", "pod") or not rest or not all(rest) or not records.has_namespace(rest[-1]):
        return None
    where, rest = rest[-1], rest[:-1]
    if not rest:
        return _Found()
    if area == "pod":
        return _pod(rest)
    service = records.service(rest[-1], where)
    if service is None or len(rest) > 3:
        return None
    return _service(service, rest[:-1], records)


def _pod(labels: list[str]) -> _Found | None:
    """`a-b-c-d.namespace.pod`: whatever address the name says."""
    text = labels[0]
    plain = text.replace("-", ".") if text.count("-") == 3 and "--" not in text else text.replace("-", ":")
    try:
        address = str(ipaddress.ip_address(plain))
    except ValueError:
        return None
    return _Found([address]) if len(labels) == 1 else None


def _service(service: Obj, labels: list[str], records: Records) -> _Found | None:
    """labels: what stands before the Service's name: nothing, an endpoint's name, or a port's and a protocol's."""
    spec, own, where = service["spec"], name(service), namespace(service)
    endpoint = labels[0] if len(labels) == 1 else ""
    port, protocol = (labels[0].removeprefix("_"), labels[1].removeprefix("_")) if len(labels) == 2 else ("", "")
    if spec.get("type") == "ExternalName":
        external = (spec.get("externalName") or "").rstrip(".")
        return None if endpoint or _is_address(external) else _Found(cname=external)
    domain = f"{own}.{where}.svc.{ZONE}".lower()
    if spec.get("clusterIP") == "None" or endpoint:
        return _endpoints(domain, records.endpoints(own, where), endpoint, port, protocol)
    found = _Found()
    for one in spec.get("ports") or []:
        if _same_port(port, protocol, one.get("name") or "", one.get("protocol") or "TCP"):
            found.addresses += [a for a in spec.get("clusterIPs") or [spec.get("clusterIP")] if a]
            found.ports += [(one["port"], domain, a) for a in dict.fromkeys(found.addresses)]
    return found if found.addresses else None


def _endpoints(domain: str, endpoints: list[Endpoint], wanted: str, port: str, protocol: str) -> _Found | None:
    found = _Found()
    for endpoint in endpoints:
        own = hostname_of(endpoint).lower()
        if wanted and wanted != own:
            continue
        matching = [p for p in endpoint.ports if _same_port(port, protocol, p[0], p[1])]
        if matching or not port:
            found.addresses.append(endpoint.address)
            found.ports += [(number, f"{own}.{domain}", endpoint.address) for _name, _protocol, number in matching]
    return found if found.addresses else None


def _same_port(port: str, protocol: str, named: str, with_protocol: str) -> bool:
    return not port or (port == named.lower() and protocol == with_protocol.lower())


def _srv(question: str, found: _Found) -> Answer:
    services = list(dict.fromkeys((number, target) for number, target, _address in found.ports))
    if not services:
        return NO_DATA
    weight = max(100 // len(services), 1)
    addresses = dict.fromkeys((target, address) for _number, target, address in found.ports)
    return Answer(
        tuple(Record(question, "SRV", (0, weight, number, target)) for number, target in services),
        tuple(Record(t, "AAAA" if ":" in a else "A", a) for t, a in addresses),
    )


def _alias(question: str, target: str, kind: str, records: Records) -> Answer:
    """A CNAME and what it leads to, as far as we know it ourselves."""
    chain, current = [Record(question, "CNAME", target)], target.lower()
    while kind != "CNAME" and len(chain) < LONGEST_CHAIN:
        if not current.endswith(f".{ZONE}"):
            return Answer(tuple(chain), elsewhere=current)
        found = _find(current, records)
        if found is None or not found.cname:
            end = _in_zone(current, current, kind, records) if found is not None else NO_DATA
            return Answer((*chain, *end.records), end.additional)
        chain.append(Record(current, "CNAME", found.cname))
        current = found.cname.lower()
    return Answer(tuple(chain))


def _reverse(question: str, asked: str, kind: str, records: Records) -> Answer | None:
    address = address_of_reverse(asked)
    if not address:
        return None
    service = records.service_at(address)
    if service is not None:
        names = [f"{name(service)}.{namespace(service)}.svc.{ZONE}"]
    else:
        found = records.endpoints_at(address)
        names = list(dict.fromkeys(f"{hostname_of(e)}.{own}.{where}.svc.{ZONE}" for own, where, e in found))
    if names:
        return Answer(tuple(Record(question, "PTR", n) for n in names)) if kind == "PTR" else NO_DATA
    own = any(ipaddress.ip_address(address) in network for network in OWN_NETWORKS)
    return NO_NAME if own else None


def address_of_reverse(asked: str) -> str:
    """The address that a whole name below in-addr.arpa or ip6.arpa stands for, "" for others."""
    labels = asked.split(".")[:-2][::-1]
    try:
        if asked.endswith(".in-addr.arpa"):
            return str(ipaddress.IPv4Address(".".join(labels)))
        if len(labels) != 32 or any(len(label) != 1 for label in labels):
            return ""
        return str(ipaddress.IPv6Address(int("".join(labels), 16)))
    except ValueError:
        return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
