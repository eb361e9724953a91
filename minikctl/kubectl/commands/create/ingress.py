"""`kubectl create ingress`."""

from __future__ import annotations

import re

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, submit
from minikctl.util.errors import UsageError

_RULE = re.compile(r"[\w*.-]*/.*=[\w-]+:[\w-]+(,tls=?([\w-]+)?)?", re.ASCII)


def run(call: Invocation) -> None:
    flags, name = call.flags, name_argument(call)
    _check(call)
    spec: Obj = {"tls": tls(flags.rule), "rules": rules(flags.rule)}
    if flags.get("class"):
        spec["ingressClassName"] = flags.get("class")
    if flags.default_backend:
        spec["defaultBackend"] = backend(flags.default_backend)
    obj = new(call, "networking.k8s.io/v1", "Ingress", name, spec=spec)
    obj["metadata"]["annotations"] = dict(a.split("=", 1) for a in flags.annotation)
    submit(call, obj, failure="failed to create ingress: ")


def _check(call: Invocation) -> None:
    flags = call.flags
    if not flags.default_backend and not flags.rule:
        raise UsageError(
            "not enough information provided: every ingress has to either specify a default-backend "
            "(which catches all traffic) or a list of rules (which catch specific paths)"
        )
    for rule in flags.rule:
        if not _RULE.match(rule):
            raise UsageError(f"rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]")
    for annotation in flags.annotation:
        if "=" not in annotation:
            raise UsageError(f"annotation {annotation} is invalid and should be in format key=[value]")
    if flags.default_backend and flags.default_backend.count(":") != 1:
        raise UsageError("default-backend should be in format servicename:serviceport")


def rules(texts: list[str]) -> list[Obj]:
    """`host/path=service:port` as rules; paths of one host stand together."""
    by_host: dict[str, Obj] = {}
    for text in texts:
        host, _, rest = text.split(",")[0].partition("/")
        rule = by_host.setdefault(host, {"host": host, "http": {"paths": []}})
        rule["http"]["paths"].append(_path(rest))
    return list(by_host.values())


def _path(text: str) -> Obj:
    path, service = text.split("=")[:2]
    prefix = path.endswith("*")
    return {
        "path": "/" + (path[:-1] if prefix else path),
        "pathType": "Prefix" if prefix else "Exact",
        "backend": backend(service),
    }


def backend(text: str) -> Obj:
    """`service:port`; the port is a number or a name."""
    name, port = text.split(":")[:2]
    return {"service": {"name": name, "port": {"number": int(port)} if port.isdecimal() else {"name": port}}}


def tls(texts: list[str]) -> list[Obj]:
    """The hosts of rules that end in `,tls` or `,tls=secret`, by secret; a host counts once."""
    made: list[Obj] = []
    seen: set[str] = set()
    for text in texts:
        rule, _, rest = text.partition(",")
        host = rule.partition("/")[0]
        if not rest or "," in rest or host in seen:
            continue
        seen.add(host)
        secret = rest.partition("=")[2]
        same = next((t for t in made if t.get("secretName", "") == secret), None)
        if same is not None:
            same.setdefault("hosts", []).append(host)
        elif host or secret:
            entry = {"hosts": [host] if host else [], "secretName": secret}
            made.append({k: v for k, v in entry.items() if v})
    return made


COMMAND = Command(
    name="ingress",
    summary="Create an ingress with the specified name",
    use="create ingress NAME --rule=host/path=service:port[,tls[=secret]] ",
    aliases=("ing",),
    description=(
        "Create an ingress with the specified name. A path that ends in * stands for everything below it (Prefix), "
        "another one for itself (Exact)."
    ),
    examples=(
        ("One host, encrypted with a secret", 'create ingress shop --rule="shop.example.com/*=shop:80,tls=shop-cert"'),
        ("Two paths of a host", 'create ingress api --rule="example.com/v1*=old:80" --rule="example.com/v2*=new:http"'),
        ("Everything to one service", "create ingress all --class=nginx --default-backend=web:80"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("annotation", ARRAY, help="Annotation of the ingress, key=value; may be repeated."),
        Option("class", help="Ingress class that shall serve it."),
        Option("default-backend", help="SERVICE:PORT for what no rule matches."),
        Option("rule", ARRAY, help="HOST/PATH=SERVICE:PORT[,tls[=SECRET]]; may be repeated."),
    ),
    run=run,
)
