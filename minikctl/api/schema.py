"""The structure of the built-in types at the targeted Kubernetes version.

Tables are made by `tools/generate_schemas.py`, one JSON file a group and version in `schemas/`, loaded when first
asked for. A table maps a type's name to its fields in Kubernetes' order: `[name, type, flags, number, extra?]`.

* type: `string bool int32 int64 float64 bytes any Quantity IntOrString Time MicroTime Duration`, `[]T`,
  `map[string]T`, or a reference such as `core/v1.Container`.
* flags: `p` a pointer (absence differs from zero), `o` left out when empty, `z` left out when zero, `r` required.
* number: the field's number on the wire (protobuf); a list where messages are nested that JSON shows flat.
* extra: `mergeKey`, `strategy` (strategic merge patch), `listType`, `listKeys`, `mapType` (server-side apply), `enum`
  (of the field, or of its items), `default`, `ref` (what OpenAPI calls a type of which we say `any`).

`decode` gives what Kubernetes' own decoder gives: unknown fields reported and dropped, nulls gone, quantities in
canonical form, empty structs that Go always writes (`status: {}`) present, and Go's error texts for wrong types.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.quantity import QuantityError, canonical
from minikctl.util.jsonio import loads


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type. See the module's docstring for `type` and the flags."""

    name: str
    type: str
    pointer: bool = False
    omit_empty: bool = False
    omit_zero: bool = False
    required: bool = False
    merge_key: str = ""
    strategies: tuple[str, ...] = ()
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    map_type: str = ""
    enum: tuple[str, ...] = ()
    default: Any = None
    ref: str = ""
    numbers: tuple[int, ...] = ()
    """Protobuf field numbers from the message down to this field; empty for what is not on the wire."""
    always: bool = False
    """True when Go writes the field even if nothing is in it (a struct by value)."""


@dataclass(frozen=True, slots=True)
class Type:
    """A struct: its fields by JSON name, in declaration order."""

    name: str
    fields: dict[str, Field]
    atomic: bool = False
    always: tuple[Field, ...] = field(default=())

    @property
    def short(self) -> str:
        """Go's name without the package: `Container`."""
        return self.name.rsplit(".", 1)[1]


SCALARS = frozenset(
    {
        "string",
        "bool",
        "int32",
        "int64",
        "float64",
        "bytes",
        "any",
        "Quantity",
        "IntOrString",
        "Time",
        "MicroTime",
        "Duration",
    }
)


_STRUCT_LIKE = frozenset({"Time", "MicroTime", "Duration", "Quantity", "IntOrString"})
_INDEX = re.compile(r"\[\d+\]")


@cache
def _table(package: str) -> dict[str, list[list[Any]]]:
    file = resources.files(__package__) / "schemas" / f"{package.replace('/', '_')}.json"
    table: dict[str, list[list[Any]]] = loads(file.read_bytes())
    return table


@cache
def get(name: str) -> Type:
    """The type called `name` (`apps/v1.DeploymentSpec`). Raises KeyError."""
    package, _, short = name.rpartition(".")
    rows = _table(package)[short]
    fields: dict[str, Field] = {}
    atomic = False
    for row in rows:
        if not row[0]:
            atomic = True
            continue
        extra: dict[str, Any] = row[4] if len(row) > 4 else {}
        flags = row[2]
        kind = row[1]
        pointer = "p" in flags
        by_value = not pointer and (kind in _STRUCT_LIKE or ("/" in kind and not kind.startswith(("[]", "map["))))
        fields[row[0]] = Field(
            name=row[0],
            type=kind,
            pointer=pointer,
            omit_empty="o" in flags,
            omit_zero="z" in flags,
            required="r" in flags,
            merge_key=extra.get("mergeKey", ""),
            strategies=tuple(extra.get("strategy", "").split(",")) if extra.get("strategy") else (),
            list_type=extra.get("listType", ""),
            list_keys=tuple(extra.get("listKeys", ())),
            map_type=extra.get("mapType", ""),
            enum=tuple(extra.get("enum", ())),
            default=extra.get("default"),
            ref=extra.get("ref", ""),
            numbers=tuple(row[3]) if isinstance(row[3], list) else (row[3],),
            always="z" not in flags and (by_value or "o" not in flags),
        )
    return Type(name, fields, atomic, tuple(f for f in fields.values() if f.always))


def exists(name: str) -> bool:
    """True when there is a type of that name."""
    try:
        get(name)
    except (KeyError, FileNotFoundError):
        return False
    return True


def element(type_name: str) -> str:
    """The type inside `[]T` or `map[string]T`; other types as they are."""
    return type_name.removeprefix("[]").removeprefix("map[string]") if type_name[0] in "[m" else type_name


def innermost(type_name: str) -> str:
    """The type inside all lists and maps."""
    while type_name.startswith(("[]", "map[string]")):
        type_name = element(type_name)
    return type_name


class DecodeError(ValueError):
    """A value of the wrong type; the message is that of Go's decoder."""


@dataclass(slots=True)
class Decoded:
    """What `decode` found: the cleaned object and the paths of fields that the type does not have."""

    value: Obj
    unknown: list[str]


@dataclass(slots=True)
class _Reading:
    """One decoding: what was unknown, and whether zero values count as absent and absent structs as present."""

    unknown: list[str]
    zeros: bool = True


def decode(type_name: str, value: Obj, *, zeros: bool = True) -> Decoded:
    """Read `value` as the type, as Kubernetes' JSON decoder does. Raises DecodeError.

    With `zeros=False` the object says what it said and no more: nothing is added, and empty values stay.
    """
    reading = _Reading([], zeros)
    return Decoded(_struct(get(type_name), value, "", reading), reading.unknown)


def _struct(type_: Type, value: Obj, path: str, reading: _Reading) -> Obj:
    fields = type_.fields
    given: dict[str, Any] = {}
    for name, item in value.items():
        known = fields.get(name)
        if known is None:
            reading.unknown.append(f"{path}.{name}" if path else name)
            continue
        if item is None:
            continue
        given[name] = item
    out: Obj = {}
    if len(given) > 1:
        given = {name: given[name] for name in fields if name in given}
    for name, item in given.items():
        known = fields[name]
        at = f"{path}.{name}" if path else name
        if known.ref in _SCHEMA_OR:
            decoded = _schema_or(known.ref, item, at, reading, type_)
            if decoded is None:
                continue
        else:
            decoded = _value(known.type, item, at, reading, type_)
        if reading.zeros and known.omit_empty and not known.pointer and _is_empty(decoded, known):
            continue
        out[name] = decoded
    if reading.zeros and type_.always and any(f.name not in out for f in type_.always):
        for known in type_.always:
            if known.name not in out:
                out[known.name] = None if known.pointer else zero(known.type)
        out = {name: out[name] for name in fields if name in out}
    return out


_SCHEMA = "apiextensions/v1.JSONSchemaProps"
_SCHEMA_OR = (f"{_SCHEMA}OrArray", f"{_SCHEMA}OrBool")


def _schema_or(ref: str, value: Any, path: str, reading: _Reading, owner: Type) -> Any:
    """A schema, or a list of them (anything else counts as nothing); a schema, or a boolean."""
    if isinstance(value, dict):
        return _struct(get(_SCHEMA), value, path, reading)
    if ref.endswith("OrBool"):
        if not isinstance(value, bool):
            raise DecodeError("boolean or JSON schema expected")
        return value
    return _value(f"[]{_SCHEMA}", value, path, reading, owner) if isinstance(value, list) else None


def _is_empty(value: Any, known: Field) -> bool:
    """What Go's omitempty leaves out; a struct by value is never empty."""
    if known.always:
        return False
    return value in ("", 0, False) or (isinstance(value, list | dict) and not value)


def zero(type_name: str) -> Any:
    """Go's zero value as JSON."""
    if type_name in ("string",):
        return ""
    if type_name in ("int32", "int64", "float64", "IntOrString"):
        return 0
    if type_name == "bool":
        return False
    if type_name == "Quantity":
        return "0"
    if type_name == "Duration":
        return "0s"
    if type_name in ("Time", "MicroTime", "any", "bytes") or (
        type_name[0] in "[m" and "/" not in type_name.split("]")[0]
    ):
        return None
    return _struct(get(type_name), {}, "", _Reading([]))


def _value(type_name: str, value: Any, path: str, reading: _Reading, owner: Type) -> Any:
    if type_name == "string":
        if type(value) is not str:
            raise _mismatch(value, owner, path, "string")
        return value
    if type_name in SCALARS:
        return _scalar(type_name, value, path, owner)
    if type_name[0] == "[":
        if type(value) is not list:
            raise _mismatch(value, owner, path, _go_name(type_name))
        inner = type_name[2:]
        return [
            _value(inner, v, f"{path}[{i}]", reading, owner) if v is not None else zero(inner)
            for i, v in enumerate(value)
        ]
    if type_name.startswith("map["):
        if type(value) is not dict:
            raise _mismatch(value, owner, path, _go_name(type_name))
        inner = type_name[11:]
        shown = path if inner in SCALARS else ""
        return {
            k: _value(inner, v, shown or f"{path}.{k}", reading, owner) if v is not None else zero(inner)
            for k, v in sorted(value.items())
        }
    if type(value) is not dict:
        raise _mismatch(value, owner, path, _go_name(type_name))
    return _struct(get(type_name), value, path, reading)


_LIMITS = {"int32": 2**31, "int64": 2**63}


def _scalar(type_name: str, value: Any, path: str, owner: Type) -> Any:
    kind = type(value)
    match type_name:
        case "int32" | "int64":
            if kind is float and value.is_integer():
                value, kind = int(value), int
            if kind is int and -_LIMITS[type_name] <= value < _LIMITS[type_name]:
                return value
            raise _mismatch(value, owner, path, type_name)
        case "bool":
            if kind is bool:
                return value
            raise _mismatch(value, owner, path, "bool")
        case "IntOrString":
            if kind is int or kind is str:
                return value
            raise _mismatch(value, owner, path, "int32")
        case "Quantity":
            if kind is bool or kind not in (str, int, float):
                raise DecodeError(str(QuantityError()))
            try:
                return canonical(value)
            except QuantityError as e:
                raise DecodeError(str(e)) from None
        case "Time" | "MicroTime" | "Duration":
            return _time(type_name, value, path, owner)
        case "bytes":
            return _bytes(value, path, owner)
        case "float64":
            if kind in (int, float):
                return value
            raise _mismatch(value, owner, path, "float64")
    return value


def _time(type_name: str, value: Any, path: str, owner: Type) -> Any:
    from minikctl.api.durations import format_go_duration, parse_go_duration, parse_time
    from minikctl.api.meta import micro_timestamp, timestamp

    if type(value) is not str:
        raise _mismatch(value, owner, path, "string")
    if type_name == "Duration":
        try:
            return format_go_duration(parse_go_duration(value))
        except ValueError as e:
            raise DecodeError(str(e)) from None
    try:
        moment = parse_time(value)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        shown = f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'
        raise DecodeError(shown) from None
    from datetime import UTC

    return (timestamp if type_name == "Time" else micro_timestamp)(moment.astimezone(UTC))


def _bytes(value: Any, path: str, owner: Type) -> str:
    if type(value) is not str:
        raise _mismatch(value, owner, path, "[]uint8")
    try:
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        position = next(
            (i for i, c in enumerate(value) if not (c.isascii() and (c.isalnum() or c in "+/=\r\n"))), len(value)
        )
        raise DecodeError(f"illegal base64 data at input byte {position}") from None
    return value.replace("\n", "").replace("\r", "")


def _json_kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case None:
            return "null"
    return "object"


_GO = {"bytes": "[]uint8", "Quantity": "resource.Quantity", "IntOrString": "intstr.IntOrString"}


def _go_name(type_name: str) -> str:
    """`[]core/v1.Container` → `[]v1.Container`, as Go prints types."""
    if type_name.startswith("[]"):
        return "[]" + _go_name(type_name[2:])
    if type_name.startswith("map[string]"):
        return "map[string]" + _go_name(type_name[11:])
    return _GO.get(type_name) or type_name.rsplit("/", 1)[-1]


def _mismatch(value: Any, owner: Type, path: str, wanted: str) -> DecodeError:
    kind = _json_kind(value)
    if kind == "number" and wanted in ("int32", "int64"):
        kind = f"number {value}"
    if wanted in ("int32", "int64", "string", "bool") or "." in wanted or wanted.startswith(("[]", "map[")):
        where = f"{owner.short}.{_INDEX.sub('', path)}"
        return DecodeError(f"json: cannot unmarshal {kind} into Go struct field {where} of type {wanted}")
    return DecodeError(f"json: cannot unmarshal {kind} into Go value of type {wanted}")


def in_order(type_name: str, value: Any) -> Any:
    """The same value with every struct's fields in Kubernetes' declaration order; unknown fields follow, as they stood."""
    if isinstance(value, list) and type_name.startswith("[]"):
        return [in_order(type_name[2:], v) for v in value]
    if not isinstance(value, dict):
        return value
    if type_name.startswith("map[string]"):
        return {k: in_order(type_name[11:], v) for k, v in value.items()}
    if type_name in SCALARS or not exists(type_name):
        return value
    fields = get(type_name).fields
    known = {name: in_order(f.type, value[name]) for name, f in fields.items() if name in value}
    return known | {k: v for k, v in value.items() if k not in known}
