"""isSorted, sum, min, max, indexOf, lastIndexOf. Source: apiserver `pkg/cel/library/lists.go`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from minikctl.api.cel.functions import Function

_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
_SUMMABLE = {"int": 0, "uint": 0, "double": 0.0, "duration": timedelta()}


def _sum(items: list[Any]) -> Any:
    if items and isinstance(items[0], timedelta):
        return sum(items, timedelta())
    return sum(items)


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def call(items: list[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return choose(items)

    return call


def _index(items: list[Any], item: Any) -> int:
    return next((i for i, x in enumerate(items) if x == item), -1)


def _last_index(items: list[Any], item: Any) -> int:
    return next((i for i in range(len(items) - 1, -1, -1) if items[i] == item), -1)


FUNCTIONS = (
    *(
        Function("isSorted", f"list_{t}_is_sorted_bool", (f"list<{t}>",), "bool", lambda a: a == sorted(a))
        for t in _COMPARABLE
    ),
    *(Function("sum", f"list_{t}_sum_{t}", (f"list<{t}>",), t, _sum) for t in _SUMMABLE),
    *(Function("max", f"list_{t}_max_{t}", (f"list<{t}>",), t, _extreme("max", max)) for t in _COMPARABLE),
    *(Function("min", f"list_{t}_min_{t}", (f"list<{t}>",), t, _extreme("min", min)) for t in _COMPARABLE),
    Function("indexOf", "list_a_index_of_int", ("list<dyn>", "dyn"), "int", _index),
    Function("lastIndexOf", "list_a_last_index_of_int", ("list<dyn>", "dyn"), "int", _last_index),
)
