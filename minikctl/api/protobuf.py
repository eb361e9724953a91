"""Reading Kubernetes' protobuf form of objects: kubectl and other Go clients write built-in kinds so.

Only reading: every client that writes protobuf takes JSON answers. Driven by the field numbers of the schema tables.
Source: apimachinery `runtime/serializer/protobuf` (the envelope), `k8s.io/api` (the numbers).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from minikctl.api import schema
from minikctl.api.durations import format_go_duration
from minikctl.api.meta import Obj, micro_timestamp, timestamp
from minikctl.util.jsonio import JSONError, loads

MAGIC = b"k8s\x00"
MAX_DEPTH = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GROUPS = {
    "rbac.authorization.k8s.io": "rbac",
    "flowcontrol.apiserver.k8s.io": "flowcontrol",
    "authentication.k8s.io": "authentication",
    "authorization.k8s.io": "authorization",
}
_META_KINDS = frozenset({"DeleteOptions", "Status", "CreateOptions", "UpdateOptions", "PatchOptions", "ListOptions"})


class ProtobufError(ValueError):
    """The bytes are no protobuf of a known type."""


def decode(data: bytes) -> Obj:
    """The object in an envelope (`k8s\\0` and a runtime.Unknown). Raises ProtobufError."""
    if not data.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        return _envelope(data[len(MAGIC) :])
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as e:
        raise ProtobufError(f"malformed protobuf: {e}") from None


def _envelope(data: bytes) -> Obj:
    api_version = kind = ""
    raw = b""
    for number, _wire, value in _fields(data):
        if number == 1:
            for inner, _, text in _fields(_bytes(value)):
                if inner == 1:
                    api_version = _text(text)
                elif inner == 2:
                    kind = _text(text)
        elif number == 2:
            raw = _bytes(value)
    type_name = type_of(api_version, kind)
    if type_name is None:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    body = _message(schema.get(type_name), [raw], 0)
    return {"apiVersion": api_version, "kind": kind, **body}


def type_of(api_version: str, kind: str) -> str | None:
    """The schema type of a manifest's apiVersion and kind."""
    if kind in _META_KINDS:
        return f"meta/v1.{kind}"
    group, slash, version = api_version.rpartition("/")
    package = "core" if not slash else _GROUPS.get(group, group.partition(".")[0])
    name = f"{package}/{version}.{kind}"
    return name if schema.exists(name) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ProtobufError("malformed protobuf: varint too long")


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(number, wire type, value): varints and fixed numbers as int, the rest as bytes."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        value: int | bytes
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise ProtobufError("malformed protobuf: unexpected EOF")
            value, at = data[at : at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ProtobufError(f"malformed protobuf: wire type {wire}")
        yield tag >> 3, wire, value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ProtobufError("malformed protobuf: a number where a message is expected")
    return value


def _int(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ProtobufError("malformed protobuf: a message where a number is expected")
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


@cache
def _layout(type_name: str) -> dict[int, Any]:
    """Field number → Field, or → nested dict for messages that JSON shows flat."""
    layout: dict[int, Any] = {}
    for field in schema.get(type_name).fields.values():
        level = layout
        for number in field.numbers[:-1]:
            level = level.setdefault(number, {})
        if field.numbers:
            level[field.numbers[-1]] = field
    return layout


def _message(type_: schema.Type, parts: list[bytes], depth: int) -> Obj:
    out: Obj = {}
    for part in parts:
        _fill(out, _layout(type_.name), part, depth)
    return out


def _fill(out: Obj, layout: dict[int, Any], data: bytes, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ProtobufError("malformed protobuf: nested too deeply")
    for number, wire, value in _fields(data):
        field = layout.get(number)
        if field is None:
            continue
        if isinstance(field, dict):
            _fill(out, field, _bytes(value), depth + 1)
        elif field.type.startswith("[]"):
            items = out.setdefault(field.name, [])
            items += _items(field.type[2:], wire, value, depth)
        elif field.type.startswith("map[string]"):
            key, item = _entry(field.type[11:], _bytes(value), depth)
            out.setdefault(field.name, {})[key] = item
        else:
            out[field.name] = _value(field.type, value, depth)


def _items(type_name: str, wire: int, value: int | bytes, depth: int) -> list[Any]:
    """One element of a repeated field, or several numbers packed together."""
    if wire == 2 and type_name in ("int32", "int64", "bool"):
        data, at, out = _bytes(value), 0, []
        while at < len(data):
            number, at = _varint(data, at)
            out.append(_value(type_name, number, depth))
        return out
    return [_value(type_name, value, depth)]


def _entry(type_name: str, data: bytes, depth: int) -> tuple[str, Any]:
    key, item = "", schema.zero(type_name) if type_name in schema.SCALARS else None
    for number, _wire, value in _fields(data):
        if number == 1:
            key = _text(value)
        elif number == 2:
            item = _value(type_name, value, depth)
    if item is None and type_name == "bytes":
        item = ""
    return key, item if item is not None else {}


def _value(type_name: str, value: int | bytes, depth: int) -> Any:
    match type_name:
        case "string":
            return _text(value)
        case "int32" | "int64":
            return _int(value)
        case "bool":
            return bool(_int(value))
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "float64":
            return struct.unpack("<d", _bytes(value))[0]
        case "Quantity" | "IntOrString" | "Time" | "MicroTime" | "Duration" | "any":
            return _SPECIAL[type_name](_bytes(value))
    if type_name.startswith("[]"):  # a named list type is a message with `items` on the wire
        return [x for n, w, v in _fields(_bytes(value)) if n == 1 for x in _items(type_name[2:], w, v, depth)]
    return _message(schema.get(type_name), [_bytes(value)], depth + 1)


def _quantity(data: bytes) -> str:
    return next((_text(v) for n, _, v in _fields(data) if n == 1), "0")


def _int_or_string(data: bytes) -> int | str:
    found = {n: v for n, _, v in _fields(data)}
    if found.get(1, 0) == 1:
        return _text(found.get(3, b""))
    return _int(found.get(2, 0))


def _moment(data: bytes) -> datetime | None:
    found = {n: _int(v) for n, _, v in _fields(data)}
    if not found:
        return None
    return _EPOCH + timedelta(seconds=found.get(1, 0), microseconds=found.get(2, 0) // 1000)


def _time(data: bytes) -> str | None:
    moment = _moment(data)
    return timestamp(moment) if moment else None


def _micro_time(data: bytes) -> str | None:
    moment = _moment(data)
    return micro_timestamp(moment) if moment else None


def _duration(data: bytes) -> str:
    nanoseconds = next((_int(v) for n, _, v in _fields(data) if n == 1), 0)
    return format_go_duration(nanoseconds / 1e9)


def _raw(data: bytes) -> Any:
    """RawExtension, JSON, FieldsV1: JSON inside."""
    raw = next((_bytes(v) for n, w, v in _fields(data) if n == 1 and w == 2), b"")
    if not raw:
        return None
    try:
        return loads(raw)
    except JSONError:
        raise ProtobufError("malformed protobuf: raw value is no JSON") from None


_SPECIAL = {
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Time": _time,
    "MicroTime": _micro_time,
    "Duration": _duration,
    "any": _raw,
}
