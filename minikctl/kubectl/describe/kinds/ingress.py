"""Ingress, with the endpoints behind its backends."""

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.endpoints_text import endpoints_text
from minikctl.kubectl.describe.writer import Writer

GROUP = "networking.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    ingress = about.obj
    meta, spec = ingress["metadata"], ingress.get("spec") or {}
    w.field(0, "Name", meta["name"])
    metadata.labels(w, "Labels", meta.get("labels"))
    w.field(0, "Namespace", meta.get("namespace", ""))
    points = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    w.field(0, "Address", ",".join(sorted({p.get("ip") or p.get("hostname") or "" for p in points} - {""})))
    w.field(0, "Ingress Class", spec.get("ingressClassName") or "<none>")
    default = spec.get("defaultBackend")
    shown = "<default>" if default is None else backend(about, default)
    w.field(0, "Default backend", shown)
    if spec.get("tls"):
        w.line(0, "TLS:")
        for tls in spec["tls"]:
            hosts = ",".join(tls.get("hosts") or [])
            w.line(1, f"{tls['secretName']} terminates {hosts}" if tls.get("secretName") else f"SNI routes {hosts}")
    _rules(about, spec, shown, w)
    metadata.annotation_lines(w, "Annotations", meta.get("annotations"))
    about.events(w)


def _rules(about: Subject, spec: Obj, default: str, w: Writer) -> None:
    w.line(0, "Rules:")
    w.line(1, "Host\tPath\tBackends")
    w.line(1, "----\t----\t--------")
    rules = [r for r in spec.get("rules") or [] if r.get("http") is not None]
    for rule in rules:
        w.line(1, f"{rule.get('host') or '*'}\t")
        for path in rule["http"].get("paths") or []:
            w.line(2, f"\t{path.get('path', '')} \t{backend(about, path.get('backend') or {})}")
    if not rules:
        w.line(1, f"*\t*\t{default}")


def backend(about: Subject, value: Obj) -> str:
    """`web:80 (10.244.1.2:8080)`, or why the endpoints are not known."""
    service, resource = value.get("service"), value.get("resource")
    if service is None:
        if resource is None:
            return ""
        group = resource.get("apiGroup") or "<none>"
        return f"APIGroup: {group}, Kind: {resource.get('kind', '')}, Name: {resource.get('name', '')}"
    port = service.get("port") or {}
    shown = f"{service.get('name', '')}:{port.get('number') or port.get('name', '')}"
    namespace = about.obj["metadata"].get("namespace", "")
    selector = f"kubernetes.io/service-name={service.get('name', '')}"
    try:
        slices = about.client.list("endpointslices.discovery.k8s.io", namespace, label_selector=selector)["items"]
        found = about.client.get("services", service.get("name", ""), namespace)
    except ApiError as e:
        return f"{shown} (<error: {e}>)"
    return f"{shown} ({endpoints_text(slices, _port_name(found, port))})"


def _port_name(service: Obj, port: Obj) -> str:
    name = ""
    for candidate in (service.get("spec") or {}).get("ports") or []:
        by_number = port.get("number") and port["number"] == candidate.get("port")
        if by_number or (port.get("name") and port["name"] == candidate.get("name")):
            name = candidate.get("name") or ""
    return name
