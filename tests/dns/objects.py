"""Services, slices and namespaces for the tests of names."""

from __future__ import annotations

from itertools import count

from minikctl.api.kinds import find
from minikctl.api.meta import Obj
from minikctl.client.informer import Informer
from minikctl.dns.records import SERVICE_NAME, Records

_versions = count(1)


def informer(word: str, *objects: Obj) -> Informer:
    kind = find(word)
    assert kind is not None
    result = Informer(kind)
    result.replace(list(objects))
    return result


def metadata(name: str, namespace: str = "default", **labels: str) -> Obj:
    return {"name": name, "namespace": namespace, "resourceVersion": str(next(_versions)), "labels": labels}


def service(name: str, ip: str = "None", *ports: Obj, namespace: str = "default", **spec: object) -> Obj:
    return {
        "metadata": metadata(name, namespace),
        "spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": list(ports) or None, **spec},
    }


def external(name: str, target: str, namespace: str = "default") -> Obj:
    return {"metadata": metadata(name, namespace), "spec": {"type": "ExternalName", "externalName": target}}


def port(name: str, number: int, protocol: str = "TCP") -> Obj:
    return {"name": name, "port": number, "protocol": protocol}


def endpoint(address: str, hostname: str = "", ready: bool | None = True) -> Obj:
    conditions = {} if ready is None else {"ready": ready}
    return {"addresses": [address], "conditions": conditions, **({"hostname": hostname} if hostname else {})}


def slice_of(of: str, ports: list[Obj], *endpoints: Obj, namespace: str = "default", name: str = "") -> Obj:
    return {
        "metadata": {**metadata(name or f"{of}-x", namespace), "labels": {SERVICE_NAME: of}},
        "addressType": "IPv4",
        "endpoints": list(endpoints) or None,
        "ports": ports or None,
    }


def records(services: list[Obj], slices: list[Obj], namespaces: tuple[str, ...] = ("default", "shop")) -> Records:
    spaces = [{"metadata": {"name": n, "resourceVersion": str(next(_versions))}} for n in namespaces]
    return Records(
        informer("services", *services), informer("endpointslices", *slices), informer("namespaces", *spaces)
    )
