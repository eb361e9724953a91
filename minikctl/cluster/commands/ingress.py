"""`minikctl ingress`: at which URLs this machine reaches the Ingresses."""

from __future__ import annotations

from minikctl.api.ingress_rules import origin
from minikctl.api.meta import Obj, name, namespace
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import UsageError

HEADERS = ["NAMESPACE", "NAME", "URL", "BACKEND"]


def rows(ingress: Obj) -> list[list[str]]:
    """One for every path. Pure."""
    spec, found = ingress.get("spec") or {}, []
    secure = {h for t in spec.get("tls") or [] for h in t.get("hosts") or []}
    whole = any(not t.get("hosts") for t in spec.get("tls") or [])
    where = [namespace(ingress), name(ingress)]
    for rule in spec.get("rules") or []:
        host = rule.get("host") or ""
        base = origin(ingress, "https" if host in secure or whole else "http", host)
        for path in (rule.get("http") or {}).get("paths") or []:
            url = f"{base}{_plain(path.get('path') or '/')}" if base else "<no address yet>"
            found.append([*where, url, _backend(path.get("backend") or {})])
    if spec.get("defaultBackend"):
        base = origin(ingress, "http")
        found.append([*where, f"{base}/" if base else "<no address yet>", _backend(spec["defaultBackend"])])
    return found


def _plain(path: str) -> str:
    """Of a path that is a pattern the part that is none."""
    return path[: next((i for i, c in enumerate(path) if c in "([*+?|^$\\"), len(path))] or "/"


def _backend(backend: Obj) -> str:
    service = backend.get("service") or {}
    port = service.get("port") or {}
    return f"{service.get('name', '<resource>')}:{port.get('number') or port.get('name') or ''}"


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    from minikctl.kubectl.printers.columns import render

    kind = "ingresses.networking.k8s.io"
    if call.args:
        chosen = [call.client.get(kind, word, call.namespace) for word in call.args]
    else:
        chosen = call.client.list(kind, call.namespace if call.namespace_given else "")["items"]
    if call.flags.url:
        for ingress in chosen:
            _show_urls(call, ingress)
        return
    found = [row for ingress in chosen for row in rows(ingress)]
    if not found:
        call.err("No Ingress found.")
        return
    call.out(render([HEADERS, *found]), end="")
    hosts = sorted({r.get("host") or "" for i in chosen for r in (i.get("spec") or {}).get("rules") or []} - {""})
    served = next((i for i in chosen if origin(i, "http")), None)
    if hosts and served is not None:
        host = hosts[0].replace("*", "any")
        call.out(
            f"\nThese hosts are names of your own. Reach one without DNS: curl -H 'Host: {host}' {origin(served, 'http')}/"
        )


def _show_urls(call: Invocation, ingress: Obj) -> None:
    if not origin(ingress, "http"):
        raise UsageError(f"ingress {namespace(ingress)}/{name(ingress)} has no address yet: is its class served here?")
    call.out(origin(ingress, "http"))
    if (ingress.get("spec") or {}).get("tls"):
        call.out(origin(ingress, "https"))


COMMAND = Command(
    name="ingress",
    group="Basic Commands (Beginner)",
    summary="Show where the Ingresses can be reached from this machine",
    description=(
        "Show the URLs of Ingresses, and what stands behind them.\n\n"
        "They are served on 127.0.0.1, port 80 (HTTPS: 443) where this user may listen there and nobody else does, else "
        "port 8080 (8443), else a free one."
    ),
    use="ingress [NAME...] [--url]",
    examples=(
        ("Show all Ingresses", "minikctl ingress"),
        ("Fetch a page", "curl -H 'Host: shop.example.com' $(minikctl ingress web --url)"),
    ),
    options=(Option("url", BOOL, help="Print only where it is served, without hosts and paths."),),
    complete="names:ingresses",
    run=run,
)
