"""ip, cidr and what can be asked of them. Source: apiserver `pkg/cel/library/{ip,cidr}.go`."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Any

from minikctl.api.cel.functions import Function, value

Value = dict[str, Any]


def _address(text: str) -> IPv4Address | IPv6Address:
    """Raises ValueError for zones and for IPv4 in IPv6's clothes, as Kubernetes does."""
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string: not an IP address') from None
    if isinstance(found, IPv6Address) and found.scope_id:
        raise ValueError(f'IP address "{text}" with zone value is not allowed')
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return found


def _ip(text: str) -> Value:
    return value("ip", text=str(_address(text)))


def _of(v: Value) -> IPv4Address | IPv6Address:
    return ip_address(v["text"])


def _interface(text: str) -> Any:
    try:
        if "/" not in text or not text.rpartition("/")[2].isdigit():
            raise ValueError
        found = ip_interface(text)
        _address(str(found.ip))
    except ValueError:
        raise ValueError(
            f'network address parse error during conversion from string: netip.ParsePrefix("{text}"): not a prefix'
        ) from None
    return found


def _cidr(text: str) -> Value:
    return value("cidr", text=str(_interface(text)))


def _network(v: Value) -> Any:
    return ip_interface(v["text"]).network


def _contains_ip(v: Value, text: str) -> bool:
    return _address(text) in _network(v)


def _contains_cidr(v: Value, text: str) -> bool:
    outer, inner = _network(v), _interface(text).network
    return bool(outer.version == inner.version and inner.subnet_of(outer))


def _succeeds(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def call(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return call


def _global_unicast(v: Value) -> bool:
    ip = _of(v)
    broadcast = ip == IPv4Address("255.255.255.255")
    return not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local or broadcast)


def _link_local_multicast(v: Value) -> bool:
    ip = _of(v)
    if isinstance(ip, IPv4Address):
        return str(ip).startswith("224.0.0.")
    return ip.is_multicast and ip.packed[1] & 0x0F == 2


FUNCTIONS = (
    Function("ip", "string_to_ip", ("string",), "ip", _ip, member=False),
    Function("isIP", "is_ip", ("string",), "bool", _succeeds(_address), member=False),
    Function("ip.isCanonical", "ip_is_canonical", ("string",), "bool", lambda t: str(_address(t)) == t, member=False),
    Function("family", "ip_family", ("ip",), "int", lambda v: _of(v).version),
    Function("isUnspecified", "ip_is_unspecified", ("ip",), "bool", lambda v: _of(v).is_unspecified),
    Function("isLoopback", "ip_is_loopback", ("ip",), "bool", lambda v: _of(v).is_loopback),
    Function("isLinkLocalMulticast", "ip_is_link_local_multicast", ("ip",), "bool", _link_local_multicast),
    Function("isLinkLocalUnicast", "ip_is_link_local_unicast", ("ip",), "bool", lambda v: _of(v).is_link_local),
    Function("isGlobalUnicast", "ip_is_global_unicast", ("ip",), "bool", _global_unicast),
    Function("string", "ip_to_string", ("ip",), "string", lambda v: v["text"], member=False),
    Function("cidr", "string_to_cidr", ("string",), "cidr", _cidr, member=False),
    Function("isCIDR", "is_cidr", ("string",), "bool", _succeeds(_interface), member=False),
    Function("containsIP", "cidr_contains_ip_string", ("cidr", "string"), "bool", _contains_ip),
    Function("containsIP", "cidr_contains_ip_ip", ("cidr", "ip"), "bool", lambda c, i: _contains_ip(c, i["text"])),
    Function("containsCIDR", "cidr_contains_cidr_string", ("cidr", "string"), "bool", _contains_cidr),
    Function("containsCIDR", "cidr_contains_cidr", ("cidr", "cidr"), "bool", lambda c, i: _contains_cidr(c, i["text"])),
    Function("ip", "cidr_ip", ("cidr",), "ip", lambda v: _ip(str(ip_interface(v["text"]).ip))),
    Function("prefixLength", "cidr_prefix_length", ("cidr",), "int", lambda v: _network(v).prefixlen),
    Function("masked", "cidr_masked", ("cidr",), "cidr", lambda v: _cidr(str(_network(v)))),
    Function("string", "cidr_to_string", ("cidr",), "string", lambda v: v["text"], member=False),
)
