"""`--sort-by`: the order of objects by one field.

Source: kubectl `pkg/cmd/get/sorter.go`. Go sorts up to twelve objects by insertion, which is what people see most, and
so does this; longer lists keep equal objects in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any, TypeVar

from minikctl.api.quantity import QuantityError, parse
from minikctl.kubectl.printers.custom_columns import relaxed
from minikctl.kubectl.printers.jsonpath import JSONPath, JSONPathError
from minikctl.util import go_format
from minikctl.util.errors import UsageError

T = TypeVar("T")
_MISSING = object()
_INSERTION = 12


class FieldMissing(UsageError):
    """No object has the field."""


def sort_by(items: Sequence[T], expression: str, data: Callable[[T], Any]) -> list[T]:
    """`items` in the order of a field; those without it come first. Raises UsageError.

    data: what the path is followed in.
    """
    path_text = relaxed(expression)
    try:
        path = JSONPath(path_text)
        keyed = [(_first(path, data(item)), item) for item in items]
    except JSONPathError as e:
        raise UsageError(str(e)) from None
    if keyed and all(key is _MISSING for key, _ in keyed):
        shown = go_format.quote(path_text)
        raise FieldMissing(f"couldn't find any field with path {shown} in the list of objects")
    if len(keyed) > _INSERTION:
        keyed.sort(key=cmp_to_key(_compare))
    else:
        _insertion_sort(keyed)
    return [item for _, item in keyed]


def _first(path: JSONPath, data: Any) -> Any:
    found = path.find(data)
    return found[0][0] if found and found[0] else _MISSING


def _compare(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
    return -1 if _less(a[0], b[0]) else int(_less(b[0], a[0]))


def _insertion_sort(keyed: list[tuple[Any, T]]) -> None:
    for i in range(1, len(keyed)):
        j = i
        while j > 0 and _less(keyed[j][0], keyed[j - 1][0]):
            keyed[j], keyed[j - 1] = keyed[j - 1], keyed[j]
            j -= 1


def _less(a: Any, b: Any) -> bool:
    """Numbers by value, texts as quantities when both are some, else by letters. Raises UsageError for other things."""
    if a is _MISSING:
        return True
    if b is _MISSING:
        return False
    if a is None or b is None:
        return a is None and b is not None
    if isinstance(a, bool | dict | list):
        raise UsageError(f"unsortable type: {go_format.type_name(a)}")
    if type(a) is not type(b):
        raise UsageError("unsortable interface: interface")
    return _less_text(a, b) if isinstance(a, str) else bool(a < b)


def _less_text(a: str, b: str) -> bool:
    try:
        return bool(parse(a) < parse(b))
    except QuantityError:
        return a < b
