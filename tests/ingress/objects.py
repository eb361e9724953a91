"""Objects for tests of the ingress, written in a few words."""

from __future__ import annotations

import base64
import random
from typing import Any

from minikctl.ingress.compiling import Compiled, Snapshot, compile_table
from minikctl.ingress.deciding import decide
from minikctl.ingress.gateways import GatewayObjects
from minikctl.ingress.matching import find, normalized, site_of
from minikctl.ingress.model import Answer, Facts, Forward

Obj = dict[str, Any]
NGINX = "nginx.ingress.kubernetes.io/"


def meta(name: str, namespace: str = "default", age: int = 0, **more: Any) -> Obj:
    """`age`: how many minutes later than the oldest it was made."""
    stamp = f"2026-01-01T00:{age:02d}:00Z"
    return {"name": name, "namespace": namespace, "creationTimestamp": stamp, "generation": 1, **more}


def path(word: str, service: str, port: int | str = 80, kind: str = "Prefix") -> Obj:
    reference = {"number": port} if isinstance(port, int) else {"name": port}
    return {"path": word, "pathType": kind, "backend": {"service": {"name": service, "port": reference}}}


def backend(service: str, port: int = 80) -> Obj:
    return {"service": {"name": service, "port": {"number": port}}}


def ingress(
    name: str,
    *paths: Obj,
    host: str = "",
    notes: dict[str, str] | None = None,
    cls: str | None = None,
    default: str = "",
    tls: list[Obj] | None = None,
    age: int = 0,
    namespace: str = "default",
) -> Obj:
    """`notes`: annotations, those of nginx without their prefix."""
    annotations = {k if "/" in k else NGINX + k: v for k, v in (notes or {}).items()}
    rules = [{**({"host": host} if host else {}), "http": {"paths": list(paths)}}] if paths else []
    spec: Obj = {"rules": rules} if rules else {}
    if cls is not None:
        spec["ingressClassName"] = cls
    if default:
        spec["defaultBackend"] = backend(default)
    if tls is not None:
        spec["tls"] = tls
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta(name, namespace, age, annotations=annotations),
        "spec": spec,
    }


def service(name: str, *ports: Obj, namespace: str = "default", **spec: Any) -> Obj:
    return {"metadata": meta(name, namespace), "spec": {"ports": list(ports) or [{"port": 80}], **spec}}


def endpoints(service_name: str, *addresses: str, port: int = 8080, port_name: str = "", **conditions: bool) -> Obj:
    entries = [{"addresses": [a], "conditions": {"ready": True, **conditions}} for a in addresses]
    return {
        "metadata": meta(f"{service_name}-x", labels={"kubernetes.io/service-name": service_name}),
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
        "endpoints": entries,
    }


def secret(name: str, namespace: str = "default", **data: bytes | str) -> Obj:
    encoded = {
        k.replace("_", "."): base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode()
        for k, v in data.items()
    }
    return {"metadata": meta(name, namespace), "data": encoded}


class World:
    """Objects, compiled. Services a, b, c … have one endpoint 10.0.0.1, 10.0.0.2 …, unless others are given."""

    def __init__(
        self, *objects: Obj, classes: list[Obj] | None = None, gateway: GatewayObjects | None = None, **given: Any
    ):
        services = {("default", s): service(s) for s in "abcd"}
        slices = {("default", s): [endpoints(s, f"10.0.0.{i}")] for i, s in enumerate("abcd", 1)}
        for one in given.get("services", []):
            services[one["metadata"]["namespace"], one["metadata"]["name"]] = one
        for one in given.get("slices", []):
            place = one["metadata"]["namespace"], one["metadata"]["labels"]["kubernetes.io/service-name"]
            slices[place] = [one]
        secrets = {(s["metadata"]["namespace"], s["metadata"]["name"]): s for s in given.get("secrets", [])}
        self.compiled: Compiled = compile_table(
            Snapshot(
                list(objects),
                classes or [],
                lambda ns, n: services.get((ns, n)),
                lambda ns, n: slices.get((ns, n), []),
                lambda ns, n: secrets.get((ns, n)),
                gateway or GatewayObjects(),
                given.get("unavailable", lambda _p, _s: ""),
            )
        )

    def ask(self, url: str, method: str = "GET", seed: int = 1, **facts: Any) -> Answer | Forward:
        """`shop.example.com/path?query`; headers by name with `_` for `-`."""
        host, slash, rest = url.partition("/")
        raw, _, query = f"{slash}{rest}".partition("?")
        headers = {k.lower(): v for k, v in facts.pop("headers", {}).items()}
        about = Facts(method, host, normalized(raw or "/"), query, headers, raw_path=raw or "/", **facts)
        route = find(self.compiled.table, about)
        return decide(route, about, site_of(self.compiled.table, host).secure, random.Random(seed))

    def to(self, url: str, **facts: Any) -> str:
        """`a /target`: the Service that gets the request and what it is asked for; else the status."""
        done = self.ask(url, **facts)
        if isinstance(done, Answer):
            location = dict(done.headers).get("Location", "")
            return f"{done.status} {location}".strip()
        return f"{done.backend.name.partition('/')[2].partition(':')[0]} {done.target}"

    def problems(self, name: str) -> str:
        return "\n".join(f"{reason}: {text}" for reason, text in self.compiled.problems.get(f"default/{name}", []))
