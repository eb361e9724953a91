"""Which Endpoints and EndpointSlices are valid.

Source: Kubernetes `pkg/apis/core/validation` (ValidateEndpoints) and `pkg/apis/discovery/validation`.
"""

from __future__ import annotations

from minikctl.api.errors import (
    FieldError,
    field_duplicate,
    field_invalid,
    field_not_supported,
    field_required,
    field_too_many,
)
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label, dns_subdomain, port_number, qualified_name, validate_labels
from minikctl.api.validation import net, ports

TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"]
MAX_ENDPOINTS, MAX_PORTS, MAX_ADDRESSES, MAX_LABELS, MAX_HINTS = 1000, 20000, 100, 16, 8
ZONE = "topology.kubernetes.io/zone"


def validate_endpoints(obj: Obj) -> list[FieldError]:
    errors = _trigger_time(obj["metadata"].get("annotations") or {})
    for i, subset in enumerate(obj.get("subsets") or []):
        at = f"subsets[{i}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(field_required(at, "must specify `addresses` or `notReadyAddresses`"))
        for field in ("addresses", "notReadyAddresses"):
            for n, address in enumerate(subset.get(field) or []):
                errors += _address(address, f"{at}.{field}[{n}]")
        listed = subset.get("ports") or []
        for n, port in enumerate(listed):
            errors += _port(port, len(listed) > 1, f"{at}.ports[{n}]")
    return errors


def _trigger_time(annotations: Obj) -> list[FieldError]:
    from minikctl.api.durations import parse_time

    text = annotations.get(TRIGGER_TIME)
    if text is None:
        return []
    try:
        parse_time(text)
    except ValueError:
        why = f'parsing time "{text}" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "{text}" as "2006"'
        return [field_invalid(f"metadata.annotations[{TRIGGER_TIME}]", text, why)]
    return []


def _address(address: Obj, at: str) -> list[FieldError]:
    ip, host, node = address.get("ip", ""), address.get("hostname") or "", address.get("nodeName")
    errors = net.ip(ip, f"{at}.ip")
    is_ip = not errors
    errors += [field_invalid(f"{at}.hostname", host, m) for m in dns_label(host)] if host else []
    if node is not None:
        errors += [field_invalid(f"{at}.nodeName", node, m) for m in dns_subdomain(node)]
    return errors + (net.not_special(ip, f"{at}.ip") if is_ip else [])


def _port(port: Obj, needs_name: bool, at: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name, number, app = port.get("name") or "", port.get("port", 0), port.get("appProtocol")
    if name:
        errors += [field_invalid(f"{at}.name", name, m) for m in dns_label(name)]
    elif needs_name:
        errors.append(field_required(f"{at}.name"))
    errors += [field_invalid(f"{at}.port", number, m) for m in port_number(number)]
    errors += ports.protocol(port.get("protocol"), f"{at}.protocol")
    if app is not None:
        errors += [field_invalid(f"{at}.appProtocol", app, m) for m in qualified_name(app)]
    return errors


# ---------------------------------------------------------------------- EndpointSlice


def validate_slice(obj: Obj) -> list[FieldError]:
    kind = obj.get("addressType", "")
    errors: list[FieldError] = []
    if not kind:
        errors.append(field_required("addressType"))
    elif kind not in ADDRESS_TYPES:
        errors.append(field_not_supported("addressType", kind, ADDRESS_TYPES))
    endpoints = obj.get("endpoints") or []
    if len(endpoints) > MAX_ENDPOINTS:
        errors.append(field_too_many("endpoints", len(endpoints), MAX_ENDPOINTS))
    else:
        for i, endpoint in enumerate(endpoints):
            errors += _endpoint(endpoint, kind, f"endpoints[{i}]")
    return errors + _slice_ports(obj.get("ports") or [])


def validate_slice_update(obj: Obj, old: Obj) -> list[FieldError]:
    errors = validate_slice(obj)
    if obj.get("addressType") != old.get("addressType"):
        errors.append(field_invalid("addressType", obj.get("addressType"), "field is immutable"))
    return errors


def _endpoint(endpoint: Obj, kind: str, at: str) -> list[FieldError]:
    addresses = endpoint.get("addresses") or []
    errors: list[FieldError] = []
    if not addresses:
        errors.append(field_required(f"{at}.addresses", "must contain at least 1 address"))
    elif len(addresses) > MAX_ADDRESSES:
        errors.append(field_too_many(f"{at}.addresses", len(addresses), MAX_ADDRESSES))
    for n, address in enumerate(addresses):
        errors += _slice_address(address, kind, f"{at}.addresses[{n}]")
    node, host = endpoint.get("nodeName"), endpoint.get("hostname")
    if node is not None:
        errors += [field_invalid(f"{at}.nodeName", node, m) for m in dns_subdomain(node)]
    errors += _topology(endpoint.get("deprecatedTopology") or {}, f"{at}.deprecatedTopology")
    if host is not None:
        errors += [field_invalid(f"{at}.hostname", host, m) for m in dns_label(host)]
    return errors + _hints(endpoint.get("hints") or {}, f"{at}.hints")


def _slice_address(address: str, kind: str, at: str) -> list[FieldError]:
    if kind == "FQDN":
        return fully_qualified(address, at)
    if kind not in ("IPv4", "IPv6"):
        return []
    errors = net.ip(address, at)
    if errors:
        return errors
    if net.is_ipv6(address) != (kind == "IPv6"):
        return [field_invalid(at, address, f"must be a valid {kind} address")]
    return net.not_special(address, at)


def fully_qualified(name: str, at: str) -> list[FieldError]:
    """A domain name with at least two labels, perhaps with a dot at its end."""
    if not name:
        return [field_required(at)]
    bare = name.removesuffix(".")
    problems = dns_subdomain(bare)
    if problems:
        return [field_invalid(at, bare, ",".join(problems))]
    if "." not in bare:
        return [field_invalid(at, bare, "should be a domain with at least two segments separated by dots")]
    return []


def _topology(labels: Obj, at: str) -> list[FieldError]:
    errors = [field_too_many(at, len(labels), MAX_LABELS)] if len(labels) > MAX_LABELS else []
    errors += validate_labels(labels, at)
    if ZONE in labels:
        errors.append(field_invalid(f"{at}[{ZONE}]", ZONE, "reserved key was used in deprecatedTopology"))
    return errors


def _hints(hints: Obj, at: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for field, what in (("forZones", "zone"), ("forNodes", "node")):
        named = hints.get(field) or []
        if len(named) > MAX_HINTS:
            errors.append(field_too_many(f"{at}.{field}", len(named), MAX_HINTS))
            continue
        seen: set[str] = set()
        for i, hint in enumerate(named):
            name, path = hint.get("name", ""), f"{at}.{field}[{i}]"
            if name in seen:
                errors.append(field_duplicate(f"{path}.name", name))
            seen.add(name)
            problems = qualified_name(name) if what == "zone" else dns_subdomain(name)
            errors += [field_invalid(f"{path}.name", name, m) for m in problems]
    return errors


def _slice_ports(listed: list[Obj]) -> list[FieldError]:
    if len(listed) > MAX_PORTS:
        return [field_too_many("ports", len(listed), MAX_PORTS)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for i, port in enumerate(listed):
        at, name, number = f"ports[{i}]", port.get("name") or "", port.get("port")
        if name:
            errors += [field_invalid(f"{at}.name", name, m) for m in dns_label(name)]
        if name in names:
            errors.append(field_duplicate(f"{at}.name", name))
        names.add(name)
        errors += ports.protocol(port.get("protocol"), f"{at}.protocol")
        if number is not None:
            errors += [field_invalid(f"{at}.port", number, m) for m in port_number(number)]
        if port.get("appProtocol") is not None:
            app = port["appProtocol"]
            errors += [field_invalid(f"{at}.appProtocol", app, m) for m in qualified_name(app)]
    return errors
