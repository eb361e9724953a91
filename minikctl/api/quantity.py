"""Resource quantities: `100m`, `1.5Gi`, `12e6`.

Source: Kubernetes `resource.Quantity`. A quantity is held here as an integer number of nano-units, the finest step that
Kubernetes keeps; anything finer is rounded up (away from zero), as there.
"""

from __future__ import annotations

import re
from functools import lru_cache

NANO = 10**9
MESSAGE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
BAD_SUFFIX = "unable to parse quantity's suffix"
_FORM = re.compile(r"^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*(?:(?<=[a-zA-Z])[-+])?[0-9]*)$")
_EXPONENT = re.compile(r"[eE][-+]?[0-9]+")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {e: s for s, e in _DECIMAL.items()}
_BINARY_SUFFIX = {e: s for s, e in _BINARY.items()}
_LARGEST = (2**63 - 1) * NANO


class QuantityError(ValueError):
    """The text is no quantity; the message is the API server's."""

    def __init__(self, message: str = MESSAGE) -> None:
        super().__init__(message)


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[int, str]:
    """(nano-units, format) where format is "binary", "decimal" or "exponent"."""
    negative, whole, fraction, suffix = _parts(text)
    numerator, scale = int(whole + fraction), -len(fraction)
    if suffix in _BINARY:
        style, numerator = "binary", numerator * 1024 ** _BINARY[suffix]
    elif _EXPONENT.fullmatch(suffix):
        style, scale = "exponent", scale + int(suffix[1:])
    else:
        style, scale = "decimal", scale + _DECIMAL[suffix]
    if abs(scale) > 1000:
        raise QuantityError
    scale += 9
    nano = numerator * 10**scale if scale >= 0 else -(-numerator // 10**-scale)
    nano = min(nano, _LARGEST) if style == "binary" else nano
    return (-nano if negative else nano), style


def _parts(text: str) -> tuple[bool, str, str, str]:
    """(whether it is negative, digits before the point, digits behind it, suffix)."""
    m = _FORM.match(text)
    if not m or text in ("", "+", "-"):
        raise QuantityError
    suffix = m[4]
    if suffix not in _BINARY and suffix not in _DECIMAL and not _EXPONENT.fullmatch(suffix):
        raise QuantityError(BAD_SUFFIX)
    return m[1] == "-", m[2].lstrip("0") or "0", m[3] or "", suffix


def parse(text: str | int | float) -> int:
    """Nano-units of a quantity. Raises QuantityError."""
    return _parse(_text(text))[0]


def milli(text: str | int | float) -> int:
    """Thousandths, rounded up: CPU."""
    return -(-parse(text) // 10**6)


def value(text: str | int | float) -> int:
    """Whole units, rounded up: bytes, pods."""
    return -(-parse(text) // NANO)


def _text(quantity: str | int | float) -> str:
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        raise QuantityError
    if isinstance(quantity, float):
        return repr(quantity) if quantity == quantity and abs(quantity) != float("inf") else "x"
    return quantity.strip() if isinstance(quantity, str) else str(quantity)


def canonical(text: str | int | float) -> str:
    """The form in which Kubernetes stores and prints a quantity: `0.5` → `500m`, `1024Mi` → `1Gi`."""
    given = _text(text)
    return given if _is_canonical(given) else format_nano(*_parse(given))


_DIGITS = 18
"""More digits than Kubernetes looks at before it computes."""


def _is_canonical(text: str) -> bool:
    """What Kubernetes takes for canonical without computing it: `01`, `1.500` and `1.123456789k` pass, too."""
    _negative, whole, fraction, suffix = _parts(text)
    digits = whole + fraction
    if suffix in _BINARY:
        power = _BINARY[suffix]
        return not fraction and len(whole) + 3 * power < 15 and int(whole) & 7 != 0
    exponent = int(suffix[1:]) if _EXPONENT.fullmatch(suffix) else _DECIMAL[suffix]
    scale = exponent - len(fraction)
    if len(digits) > _DIGITS or scale < -9:
        return False
    return scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def format_nano(nano: int, style: str = "decimal") -> str:
    """The shortest exact text: no fraction, the largest suffix that loses nothing."""
    if nano == 0:
        return "0"
    sign, size = ("-" if nano < 0 else ""), abs(nano)
    if style == "binary" and size >= 1024 * NANO and size % NANO == 0:
        amount, power = size // NANO, 0
        while power < 6 and amount % 1024 == 0:
            amount, power = amount // 1024, power + 1
        return f"{sign}{amount}{_BINARY_SUFFIX.get(power, '')}"
    amount, exponent = size, -9
    while amount % 1000 == 0 and (exponent < 18 or style == "exponent"):
        amount, exponent = amount // 1000, exponent + 3
    if style == "exponent":
        return f"{sign}{amount}" + (f"e{exponent}" if exponent else "")
    return f"{sign}{amount}{_DECIMAL_SUFFIX[exponent]}"


def from_milli(amount: int) -> str:
    """A CPU quantity from thousandths."""
    return format_nano(amount * 10**6)


def from_bytes(amount: int) -> str:
    """A memory quantity, in powers of 1024 where that is exact."""
    return format_nano(amount * NANO, "binary")


def add(a: str, b: str) -> str:
    """The sum, written in the first one's style; nothing has none, and takes the other's."""
    return _combined(a, b, 1)


def subtract(a: str, b: str) -> str:
    """The difference, which may be negative, written as a sum is."""
    return _combined(a, b, -1)


def _combined(a: str, b: str, sign: int) -> str:
    (nano, style), (more, other) = _parse(_text(a)), _parse(_text(b))
    return format_nano(nano + sign * more, style if nano else other)
