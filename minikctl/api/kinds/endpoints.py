"""Endpoints: the addresses behind a Service, in one object. Kept for old clients; EndpointSlice has replaced it."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj

SHOWN = 3


def default(obj: Obj) -> None:
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            if not port.get("protocol"):
                port["protocol"] = "TCP"


def prepare_for_create(obj: Obj) -> None:
    """Subsets in the one form that Kubernetes stores: addresses with the same ports together, all sorted."""
    if obj.get("subsets"):
        obj["subsets"] = repack(obj["subsets"])


def prepare_for_update(obj: Obj, _old: Obj) -> None:
    prepare_for_create(obj)


def repack(subsets: list[Obj]) -> list[Obj]:
    """Merge subsets with the same addresses (their ports join), sort addresses by IP and ports by name and number.

    Source: Kubernetes `pkg/api/v1/endpoints` (RepackSubsets). What is incomplete is left for validation to refuse.
    """
    where: dict[tuple[str, str, int], tuple[Obj, dict[tuple[str, str, bool], Obj]]] = {}
    for subset in subsets:
        ready, waiting = subset.get("addresses") or [], subset.get("notReadyAddresses") or []
        if not (ready or waiting) or not subset.get("ports"):
            return subsets
        for port in subset["ports"]:
            key = (port.get("name", ""), port.get("protocol", ""), port.get("port", 0))
            addresses = where.setdefault(key, (port, {}))[1]
            for address, is_ready in [*((a, True) for a in ready), *((a, False) for a in waiting)]:
                uid = (address.get("targetRef") or {}).get("uid", "")
                ip = address.get("ip", "")
                if is_ready:
                    addresses.pop((ip, uid, False), None)
                if (ip, uid, True) not in addresses:
                    addresses[ip, uid, is_ready] = address
    groups: dict[frozenset[tuple[str, str, bool]], Obj] = {}
    for key in sorted(where):
        port, addresses = where[key]
        group = groups.setdefault(frozenset(addresses), {"addresses": addresses, "ports": []})
        group["ports"].append(port)
    return [_packed(g["addresses"], g["ports"]) for g in groups.values()]


def _packed(addresses: dict[tuple[str, str, bool], Obj], ports: list[Obj]) -> Obj:
    ordered = sorted(addresses.items(), key=lambda item: item[0][:2])
    ready = [a for key, a in ordered if key[2]]
    waiting = [a for key, a in ordered if not key[2]]
    subset: Obj = {}
    if ready:
        subset["addresses"] = ready
    if waiting:
        subset["notReadyAddresses"] = waiting
    return {**subset, "ports": ports}


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import endpoints

    return endpoints.validate_endpoints(obj)


def format_endpoints(obj: Obj) -> str:
    """`10.244.0.5:80,10.244.0.6:80 + 2 more...`: the ENDPOINTS column."""
    subsets = obj.get("subsets") or []
    if not subsets:
        return "<none>"
    shown = [
        f"{_host(address['ip'])}:{port['port']}" if port else address["ip"]
        for subset in subsets
        for port in subset.get("ports") or [None]
        for address in subset.get("addresses") or []
    ]
    return ",".join(shown[:SHOWN]) + (f" + {len(shown) - SHOWN} more..." if len(shown) > SHOWN else "")


def _host(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], format_endpoints(obj), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    type="core/v1.Endpoints",
    short_names=("ep",),
    allow_create_on_update=True,
    deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    default=default,
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    validate=validate,
    columns=(NAME, Column("Endpoints"), AGE),
    row=row,
)
