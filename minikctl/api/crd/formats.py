"""String formats of OpenAPI that the server checks. Source: kube-openapi `pkg/validation/strfmt`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address, ip_network

from minikctl.api.durations import parse_go_duration
from minikctl.api.names import dns_label, dns_subdomain

_UUID = r"^[0-9a-f]{8}-?[0-9a-f]{4}-?%s[0-9a-f]{3}-?%s[0-9a-f]{3}-?[0-9a-f]{12}$"
_HOSTNAME = re.compile(r"^([^\W_]([^\W_]|-){0,62}\.?)+$")
_URI = re.compile(r"^(/|[a-zA-Z][a-zA-Z0-9+.-]*:)[^\s]*$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_DATETIME = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$")
_SCALA_DURATION = re.compile(
    r"^-?\s*\d+(\.\d+)?\s*(d|days?|h|hours?|m|min|minutes?|s|sec|seconds?|ms|milli(second)?s?|us|µs|micro(second)?s?|"
    r"ns|nano(second)?s?|w|weeks?)$"
)


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.I)
    return lambda text: compiled.match(text) is not None


def _base64(text: str) -> None:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as e:
        raise ValueError(str(e)) from None


def _cidr(text: str) -> None:
    if "/" not in text:
        raise ValueError(text)
    ip_network(text, strict=False)


def _datetime(text: str) -> bool:
    return _DATETIME.match(text) is not None and _parses(datetime.fromisoformat)(text.upper().replace("Z", "+00:00"))


def _luhn(text: str) -> bool:
    digits = [int(c) for c in re.sub(r"\D", "", text)]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _isbn10(text: str) -> bool:
    plain = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"\d{9}[\dXx]", plain):
        return False
    return sum((10 if c in "Xx" else int(c)) * (10 - i) for i, c in enumerate(plain)) % 11 == 0


def _isbn13(text: str) -> bool:
    plain = re.sub(r"[\s-]", "", text)
    return len(plain) == 13 and plain.isdigit() and sum(int(c) * (1, 3)[i % 2] for i, c in enumerate(plain)) % 10 == 0


def _duration(text: str) -> bool:
    return _parses(parse_go_duration)(text) or _SCALA_DURATION.match(text) is not None


STRINGS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _pattern(r"^[0-9a-f]{24}$"),
    "uri": lambda text: _URI.match(text) is not None,
    "email": lambda text: _EMAIL.match(text) is not None,
    "hostname": lambda text: len(text) <= 255 and _HOSTNAME.match(text) is not None,
    "ipv4": _parses(IPv4Address),
    "ipv6": _parses(IPv6Address),
    "cidr": _parses(_cidr),
    "mac": _pattern(r"^([0-9a-f]{2}([:-])([0-9a-f]{2}\2){4,6}[0-9a-f]{2}|([0-9a-f]{4}\.){2,3}[0-9a-f]{4})$"),
    "uuid": _pattern(_UUID % ("[0-9a-f]", "[0-9a-f]")),
    "uuid3": _pattern(_UUID % ("3", "[0-9a-f]")),
    "uuid4": _pattern(_UUID % ("4", "[89ab]")),
    "uuid5": _pattern(_UUID % ("5", "[89ab]")),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "creditcard": _luhn,
    "ssn": _pattern(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$"),
    "hexcolor": _pattern(r"^#?([0-9a-f]{3}|[0-9a-f]{6})$"),
    "rgbcolor": _pattern(
        r"^rgb\(\s*(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\s*(,\s*(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\s*){2}\)$"
    ),
    "byte": _parses(_base64),
    "password": lambda _text: True,
    "date": _parses(date.fromisoformat),
    "duration": _duration,
    "datetime": _datetime,
    "k8sshortname": lambda text: not dns_label(text),
    "k8slongname": lambda text: not dns_subdomain(text),
}
"""By name without dashes: `date-time` is `datetime`. Others are not checked."""


def known(type_name: str, name: str) -> bool:
    """Whether the server knows a format for a type."""
    if type_name in ("", "string"):
        return name.replace("-", "") in STRINGS
    return name in {"integer": ("int32", "int64"), "number": ("float", "double")}.get(type_name, ())


def fits(name: str, text: str) -> bool:
    """Whether a string has a format. Unknown formats fit."""
    check = STRINGS.get(name.replace("-", ""))
    return check is None or check(text)
