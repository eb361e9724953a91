"""Small checks that many kinds share. Each returns field errors, none when the value is fine.

Source: Kubernetes `pkg/apis/core/validation`, apimachinery `api/validation`, `util/validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minikctl.api.errors import FieldError, field_invalid, field_not_supported, field_required
from minikctl.api.intstr import is_percent
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label, qualified_name

Errors = list[FieldError]
MAX_INT32 = 2**31 - 1
IMMUTABLE = "field is immutable"
NOT_NEGATIVE = "must be greater than or equal to 0"
FILE_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_PERCENT_MESSAGE = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


def in_range(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def nonnegative(owner: Obj, field: str, path: str) -> Errors:
    """A number that may be missing, and must not be below zero."""
    value = owner.get(field)
    return [field_invalid(path, value, NOT_NEGATIVE)] if value is not None and value < 0 else []


def all_nonnegative(owner: Obj, fields: Iterable[str], path: str) -> Errors:
    return [e for f in fields for e in nonnegative(owner, f, f"{path}.{f}")]


def immutable(new: Any, old: Any, path: str) -> Errors:
    return [] if new == old else [field_invalid(path, new, IMMUTABLE)]


def required(value: Any, path: str, detail: str = "") -> Errors:
    return [] if value else [field_required(path, detail)]


def one_of(value: str, choices: list[str], path: str) -> Errors:
    """A word that must be there and be known; choices in the order in which they are shown."""
    if not value:
        return [field_required(path)]
    return [] if value in choices else [field_not_supported(path, value, choices)]


def all_invalid(check: Callable[[str], list[str]], value: str, path: str) -> Errors:
    """What a name check has to say, as field errors."""
    return [field_invalid(path, value, m) for m in check(value)]


def label(value: str, path: str) -> Errors:
    return all_invalid(dns_label, value, path)


def qualified(value: str, path: str) -> Errors:
    return all_invalid(qualified_name, value, path)


def file_mode(value: int | None, path: str) -> Errors:
    return [field_invalid(path, value, FILE_MODE)] if value is not None and not 0 <= value <= 0o777 else []


def backsteps(path_text: str, path: str) -> Errors:
    if ".." in path_text.split("/"):
        return [field_invalid(path, path_text, "must not contain '..'")]
    return []


def descending_path(path_text: str, path: str) -> Errors:
    """A path that stays inside the folder it is relative to."""
    errors = [field_invalid(path, path_text, "must be a relative path")] if path_text.startswith("/") else []
    return errors + backsteps(path_text, path)


def file_path(path_text: str, path: str) -> Errors:
    """A file inside a volume; names that start with two dots belong to the kubelet."""
    errors = descending_path(path_text, path)
    if path_text.startswith("..") and not path_text.startswith("../"):
        errors.append(field_invalid(path, path_text, "must not start with '..'"))
    return errors


def int_or_percent(value: Any, path: str) -> Errors:
    if isinstance(value, str):
        return [] if is_percent(value) else [field_invalid(path, value, _PERCENT_MESSAGE)]
    return [field_invalid(path, value, NOT_NEGATIVE)] if value < 0 else []


def amount(value: Any) -> int:
    """The number in an integer or percentage, 0 for other text."""
    if is_percent(value):
        return int(value[:-1])
    return value if isinstance(value, int) else 0


def at_most_100_percent(value: Any, path: str) -> Errors:
    over = is_percent(value) and int(value[:-1]) > 100
    return [field_invalid(path, value, "must not be greater than 100%")] if over else []


def status_counts(status: Obj, limits: Mapping[str, tuple[str, str]], path: str = "status") -> Errors:
    """Counters in a status: none below zero, none above the one that it is a part of.

    limits: field → (the field that bounds it, how the message calls that).
    """
    errors: Errors = []
    for field, (bound, called) in limits.items():
        if int(status.get(field) or 0) > int(status.get(bound) or 0):
            errors.append(field_invalid(f"{path}.{field}", status.get(field, 0), f"cannot be greater than {called}"))
    return errors


def not_decremented(status: Obj, old: Obj, field: str, path: str = "status") -> Errors:
    before, now = old.get(field), status.get(field)
    if before is not None and (now is None or now < before):
        return [field_invalid(f"{path}.{field}", now or 0, "cannot be decremented")]
    return []
