"""All objects → one table and what is to be reported. Pure: the objects are given, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, Objects
from minikctl.ingress import gateways, ingresses
from minikctl.ingress.backends import Services
from minikctl.ingress.gateways import GatewayObjects
from minikctl.ingress.ingresses import ReadCertificate, read_certificate
from minikctl.ingress.model import Table


@dataclass
class Snapshot:
    """What there is. `service`, `slices`, `secret`: by namespace and name, asked for only what is named somewhere."""

    ingresses: Objects
    classes: Objects
    service: Callable[[str, str], Obj | None]
    slices: Callable[[str, str], Objects]
    secret: Callable[[str, str], Obj | None]
    gateways: GatewayObjects = field(default_factory=GatewayObjects)
    unavailable: Callable[[int, bool], str] = lambda _port, _secure: ""
    addresses: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    certificate: ReadCertificate = read_certificate
    ports: Mapping[int, int] = field(default_factory=dict)


@dataclass
class Compiled:
    """`problems`: by key of the Ingress, (reason, sentence) each; `statuses`: of the Gateway API, by (plural, key)."""

    table: Table
    served: Objects
    problems: dict[str, list[tuple[str, str]]]
    statuses: dict[tuple[str, str], Obj]
    services: set[tuple[str, str]]
    secrets: set[tuple[str, str]]


def compile_table(there: Snapshot) -> Compiled:
    services = Services(there.service, there.slices)
    ours = ingresses.collect(there.ingresses, there.classes, services, there.secret, there.certificate)
    theirs = gateways.collect(
        there.gateways, services, there.secret, there.unavailable, there.addresses, there.certificate, there.ports
    )
    table = Table(
        ours.hosts,
        ours.default,
        theirs.listeners,
        {**theirs.certificates, **ours.certificates},
    )
    return Compiled(table, ours.served, ours.problems, theirs.statuses, services.asked, ours.secrets | theirs.secrets)
