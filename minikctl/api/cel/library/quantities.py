"""quantity, isQuantity and what can be asked of one. Source: apiserver `pkg/cel/library/quantity.go`.

A quantity is carried as nano-units in text: CEL's integers are too small for them.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.cel.functions import Function, value
from minikctl.api.quantity import NANO, QuantityError, parse

Quantity = dict[str, Any]


def _of(nano: int) -> Quantity:
    return value("quantity", nano=str(nano))


def _nano(q: Quantity) -> int:
    return int(q["nano"])


def _parse(text: str) -> Quantity:
    return _of(parse(text))


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except QuantityError:
        return False
    return True


def _compare(a: Quantity, b: Quantity) -> int:
    return (_nano(a) > _nano(b)) - (_nano(a) < _nano(b))


def _is_integer(q: Quantity) -> bool:
    return _nano(q) % NANO == 0 and -(2**63) <= _nano(q) // NANO < 2**63


def _integer(q: Quantity) -> int:
    if not _is_integer(q):
        raise ValueError("cannot convert value to integer")
    return _nano(q) // NANO


_ONE, _TWO = ("quantity",), ("quantity", "quantity")
FUNCTIONS = (
    Function("quantity", "string_to_quantity", ("string",), "quantity", _parse, member=False),
    Function("isQuantity", "is_quantity_string", ("string",), "bool", _is_quantity, member=False),
    Function("sign", "quantity_sign", _ONE, "int", lambda q: _compare(q, _of(0))),
    Function("isGreaterThan", "quantity_is_greater_than", _TWO, "bool", lambda a, b: _compare(a, b) > 0),
    Function("isLessThan", "quantity_is_less_than", _TWO, "bool", lambda a, b: _compare(a, b) < 0),
    Function("compareTo", "quantity_compare_to", _TWO, "int", _compare),
    Function("asApproximateFloat", "quantity_get_float", _ONE, "double", lambda q: _nano(q) / NANO),
    Function("asInteger", "quantity_get_int", _ONE, "int", _integer),
    Function("isInteger", "quantity_is_integer", _ONE, "bool", _is_integer),
    Function("add", "quantity_add", _TWO, "quantity", lambda a, b: _of(_nano(a) + _nano(b))),
    Function("add", "quantity_add_int", ("quantity", "int"), "quantity", lambda a, n: _of(_nano(a) + n * NANO)),
    Function("sub", "quantity_sub", _TWO, "quantity", lambda a, b: _of(_nano(a) - _nano(b))),
    Function("sub", "quantity_sub_int", ("quantity", "int"), "quantity", lambda a, n: _of(_nano(a) - n * NANO)),
)
