"""NetworkPolicy."""

from minikctl.api.meta import Obj
from minikctl.api.selectors import format_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import plain_time
from minikctl.kubectl.describe.writer import Writer

GROUP = "networking.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    policy = about.obj
    meta, spec = policy["metadata"], policy.get("spec") or {}
    w.field(0, "Name", meta["name"])
    w.field(0, "Namespace", meta.get("namespace", ""))
    w.field(0, "Created on", plain_time(meta.get("creationTimestamp")))
    metadata.labels_and_annotations(w, policy)
    w.line(0, "Spec:")
    selector = format_label_selector(spec.get("podSelector"))
    if selector == "<none>":
        selector = "<none> (Allowing the specific traffic to all pods in this namespace)"
    w.line(1, f"PodSelector:     {selector}")
    types = spec.get("policyTypes") or []
    for kind in ("Ingress", "Egress"):
        if kind in types:
            w.line(1, f"Allowing {kind.lower()} traffic:")
            _rules(spec.get(kind.lower()) or [], kind, w)
        else:
            w.line(1, f"Not affecting {kind.lower()} traffic")
    w.line(1, f"Policy Types: {', '.join(types) or '<none>'}")


def _rules(rules: list[Obj], kind: str, w: Writer) -> None:
    if not rules:
        w.line(2, f"<none> (Selected pods are isolated for {kind.lower()} connectivity)")
    field, title, end = ("from", "From", "source") if kind == "Ingress" else ("to", "To", "destination")
    for i, rule in enumerate(rules):
        ports, peers = rule.get("ports") or [], rule.get(field) or []
        if not ports:
            w.line(2, "To Port: <any> (traffic allowed to all ports)")
        for port in ports:
            w.line(2, _port(port))
        if not peers:
            w.line(2, f"{title}: <any> (traffic not restricted by {end})")
        for peer in peers:
            w.line(2, f"{title}:")
            _peer(peer, w)
        if i < len(rules) - 1:
            w.line(2, "----------")


def _port(port: Obj) -> str:
    protocol = port.get("protocol") or "TCP"
    number = "<nil>" if port.get("port") is None else port["port"]
    if port.get("endPort") is None:
        return f"To Port: {number}/{protocol}"
    return f"To Port Range: {number}-{port['endPort']}/{protocol}"


def _peer(peer: Obj, w: Writer) -> None:
    pods, namespaces, block = peer.get("podSelector"), peer.get("namespaceSelector"), peer.get("ipBlock")
    if namespaces is not None:
        w.line(3, f"NamespaceSelector: {format_label_selector(namespaces)}")
    if pods is not None:
        w.line(3, f"PodSelector: {format_label_selector(pods)}")
    if pods is None and namespaces is None and block is not None:
        w.line(3, "IPBlock:")
        w.line(4, f"CIDR: {block.get('cidr', '')}")
        w.line(4, f"Except: {', '.join(block.get('except') or [])}")
