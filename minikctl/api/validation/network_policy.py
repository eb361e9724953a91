"""Which NetworkPolicies are valid. Source: Kubernetes `pkg/apis/networking/validation`."""

from __future__ import annotations

from ipaddress import ip_network

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import port_name, port_number
from minikctl.api.validation import label_selector, net
from minikctl.api.validation.common import Errors, all_invalid

TYPES = ["Egress", "Ingress"]
PROTOCOLS = ["TCP", "UDP", "SCTP"]


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = label_selector.validate(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(direction) or []):
            at = f"spec.{direction}[{i}]"
            for n, port in enumerate(rule.get("ports") or []):
                errors += _port(port, f"{at}.ports[{n}]")
            for n, peer in enumerate(rule.get(peers) or []):
                errors += _peer(peer, f"{at}.{peers}[{n}]")
    types = spec.get("policyTypes") or []
    if len(types) > len(TYPES):
        return [*errors, field_invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
    for i, kind in enumerate(types):
        if kind not in TYPES:
            errors.append(field_not_supported(f"spec.policyTypes[{i}]", kind, TYPES))
    return errors


def _port(port: Obj, at: str) -> Errors:
    protocol, number, last = port.get("protocol"), port.get("port"), port.get("endPort")
    errors: Errors = []
    if protocol is not None and protocol not in PROTOCOLS:
        errors.append(field_not_supported(f"{at}.protocol", protocol, PROTOCOLS))
    if number is None:
        if last is not None:
            errors.append(field_invalid(f"{at}.endPort", last, "may not be specified when `port` is not specified"))
    elif isinstance(number, int):
        errors += [field_invalid(f"{at}.port", number, m) for m in port_number(number)]
        if last is not None:
            if last < number:
                errors.append(field_invalid(f"{at}.endPort", number, "must be greater than or equal to `port`"))
            errors += [field_invalid(f"{at}.endPort", last, m) for m in port_number(last)]
    else:
        if last is not None:
            errors.append(field_invalid(f"{at}.endPort", last, "may not be specified when `port` is non-numeric"))
        errors += all_invalid(port_name, number, f"{at}.port")
    return errors


def _peer(peer: Obj, at: str) -> Errors:
    errors: Errors = []
    for field in ("podSelector", "namespaceSelector"):
        errors += label_selector.validate(peer.get(field), f"{at}.{field}")
    block = peer.get("ipBlock")
    if block is not None:
        errors += _block(block, f"{at}.ipBlock")
    given = [f for f in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(f) is not None]
    if not given:
        errors.append(field_required(at, "must specify a peer"))
    elif len(given) > 1 and block is not None:
        errors.append(field_forbidden(at, "may not specify both ipBlock and another peer"))
    return errors


def _block(block: Obj, at: str) -> Errors:
    whole = block.get("cidr") or ""
    if not whole:
        return [field_required(f"{at}.cidr")]
    errors = net.cidr(whole, f"{at}.cidr")
    if errors:
        return errors
    outer = ip_network(whole)
    for i, text in enumerate(block.get("except") or []):
        path = f"{at}.except[{i}]"
        problems = net.cidr(text, path)
        errors += problems
        if problems:
            continue
        inner = ip_network(text)
        if inner.version != outer.version or inner == outer or not _contains(outer, inner):
            errors.append(field_invalid(path, text, "must be a strict subset of `cidr`"))
    return errors


def _contains(outer: object, inner: object) -> bool:
    return bool(inner.subnet_of(outer))  # type: ignore[attr-defined]
