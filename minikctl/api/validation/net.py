"""IP addresses and CIDRs in fields of the API.

Source: apimachinery `util/validation/ip.go` (strict form), Kubernetes `ValidateNonSpecialIP`. Every check returns field
errors, none when the text is fine; the warnings are what the server says about text that is fine but unusual.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from minikctl.api.errors import FieldError, field_invalid

BAD_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
BAD_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_ZEROS = re.compile(r"(?<![0-9a-fA-F:.])0+(?=[0-9])|(?<=\.)0+(?=[0-9])")


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text means; leading zeros are overlooked, as Kubernetes did for years."""
    for candidate in (text, _ZEROS.sub("", text)):
        try:
            return ip_address(candidate) if "%" not in candidate else None
        except ValueError:
            continue
    return None


def is_ipv6(text: str) -> bool:
    return ":" in text


def _is_mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def ip(text: str, field: str, *, old: tuple[str, ...] | list[str] = ()) -> list[FieldError]:
    """One address. Those in `old`, already stored, are left in peace."""
    if text in old:
        return []
    address = parse(text)
    if address is None:
        return [field_invalid(field, text, BAD_IP)]
    if _ZEROS.search(text) and "." in text:
        return [field_invalid(field, text, "must not have leading 0s")]
    if _is_mapped(address):
        return [field_invalid(field, text, "must not be an IPv4-mapped IPv6 address")]
    return []


def canonical_ip(text: str, field: str) -> list[FieldError]:
    """An address in the one form that new APIs take."""
    errors = ip(text, field)
    address = parse(text)
    if not errors and str(address) != text:
        errors.append(field_invalid(field, text, f'must be in canonical form ("{address}")'))
    return errors


def cidr(text: str, field: str, *, old: tuple[str, ...] | list[str] = ()) -> list[FieldError]:
    """A range such as 10.9.8.0/24."""
    if text in old:
        return []
    head, slash, size = text.partition("/")
    address = parse(head)
    limit = 128 if address is not None and address.version == 6 else 32
    if address is None or not slash or not re.fullmatch(r"[0-9]+", size) or int(size) > limit:
        return [field_invalid(field, text, BAD_CIDR)]
    if (_ZEROS.search(head) and "." in head) or (size != "0" and size.startswith("0")):
        return [field_invalid(field, text, "must not have leading 0s in IP or prefix length")]
    if _is_mapped(address):
        return [field_invalid(field, text, "must not have an IPv4-mapped IPv6 address")]
    if ip_network((address, int(size)), strict=False).network_address != address:
        return [field_invalid(field, text, "must not have bits set beyond the prefix length")]
    return []


def canonical_cidr(text: str, field: str) -> list[FieldError]:
    errors = cidr(text, field)
    if not errors and str(ip_network(text)) != text:
        errors.append(field_invalid(field, text, f'must be in canonical form ("{ip_network(text)}")'))
    return errors


def not_special(text: str, field: str) -> list[FieldError]:
    """Addresses that no endpoint can have.

    Kubernetes refuses all of 127.0.0.0/8; here only the first address, since where pods cannot have a network of their
    own they get addresses from the rest of that range.
    """
    address = parse(text)
    if address is None:
        return [field_invalid(field, text, "must be a valid IP address")]
    if address.is_unspecified:
        return [field_invalid(field, text, "may not be unspecified (0.0.0.0 or ::)")]
    if str(address) in ("127.0.0.1", "::1"):
        return [field_invalid(field, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")]
    if address.is_link_local:
        return [field_invalid(field, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")]
    if address.is_multicast and (str(address).startswith(("224.0.0.", "ff02:"))):
        return [field_invalid(field, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")]
    return []


def ip_warnings(text: str, field: str) -> list[str]:
    address = parse(text)
    if isinstance(address, IPv6Address) and str(address) != text and not _is_mapped(address):
        return [f'{field}: IPv6 address "{text}" should be in RFC 5952 canonical format ("{address}")']
    return []


def cidr_warnings(text: str, field: str) -> list[str]:
    head, _, size = text.partition("/")
    address = parse(head)
    if address is None or not size.isdigit():
        return []
    network = ip_network((address, int(size)), strict=False)
    if network.network_address != address:
        single = f"{address}/{128 if address.version == 6 else 32}"
        return [f'{field}: CIDR value "{text}" is ambiguous in this context (should be "{network}" or "{single}"?)']
    if address.version == 6 and f"{address}/{size}" != text:
        return [f'{field}: IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{address}/{size}")']
    return []
