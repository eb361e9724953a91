"""How single values look in a description: times, ages, Go's notation of lists and references, yes and no."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikctl.api.durations import human, parse_time
from minikctl.api.meta import Obj
from minikctl.util.go_format import sprint as go

__all__ = [
    "access_modes",
    "age",
    "go",
    "go_reference",
    "labels",
    "or_none",
    "plain_time",
    "rfc1123",
    "storage_class",
    "yes_no",
]
_ZERO_TIME = "Mon, 01 Jan 0001 00:00:00 +0000"


def rfc1123(text: str | None) -> str:
    """`Sat, 21 Nov 2026 02:30:26 +0000`, in the local time zone."""
    return f"{parse_time(text).astimezone():%a, %d %b %Y %H:%M:%S %z}" if text else _ZERO_TIME


def plain_time(text: str | None) -> str:
    """`2026-11-21 02:30:24 +0000 UTC`."""
    return f"{parse_time(text).astimezone():%Y-%m-%d %H:%M:%S %z %Z}" if text else "0001-01-01 00:00:00 +0000 UTC"


def age(text: str | None, now: datetime) -> str:
    return human((now - parse_time(text)).total_seconds()) if text else "<unknown>"


def yes_no(value: Any) -> str:
    """True or False, `<unset>` for None."""
    return "<unset>" if value is None else "True" if value else "False"


def go_reference(value: Obj | None, kind: str = "LocalObjectReference", fields: tuple[str, ...] = ("name",)) -> str:
    """A pointer to a small struct as its generated String method prints it: `&LocalObjectReference{Name:x,}`."""
    if value is None:
        return "nil"
    inner = "".join(f"{f.capitalize()}:{value.get(f, '')}," for f in fields)
    return f"&{kind}{{{inner}}}"


def or_none(text: str) -> str:
    return text or "<none>"


def labels(values: dict[str, str] | None) -> str:
    """`a=1,b=2` in one line, `<none>` when there are none."""
    return ",".join(f"{k}={v}" for k, v in sorted((values or {}).items())) or "<none>"


def access_modes(modes: list[str] | None) -> str:
    """`RWO,ROX`: each mode once, in Kubernetes' order."""
    present = set(modes or [])
    return ",".join(short for mode, short in _ACCESS_MODES.items() if mode in present)


_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def storage_class(obj: Obj) -> str:
    """The class of a volume or claim; the old annotation comes first."""
    annotations = obj.get("metadata", {}).get("annotations") or {}
    beta = annotations.get("volume.beta.kubernetes.io/storage-class")
    return beta if beta is not None else str(obj.get("spec", {}).get("storageClassName") or "")
