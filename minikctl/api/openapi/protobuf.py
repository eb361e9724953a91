"""The v2 document as protobuf: the form in which kubectl and client-go ask for it.

Source: gnostic-models `openapiv2/OpenAPIv2.proto`; what Kubernetes clients read of it is written, no more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from minikctl.api.meta import Obj
from minikctl.util.jsonio import compact

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ACCEPTED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_STRING, _BOOL, _STRINGS, _ANY, _ANYS = "string", "bool", "strings", "any", "anys"
_NUMBER, _COUNT = "double", "int64"
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Document": {"swagger": (1, _STRING), "info": (2, "Info"), "paths": (8, "Paths"), "definitions": (9, "Schemas")},
    "Info": {"title": (1, _STRING), "version": (2, _STRING)},
    "Schemas": {},
    "Paths": {},
    "PathItem": {
        **{m: (n, "Operation") for n, m in enumerate(("get", "put", "post", "delete", "options", "head", "patch"), 2)},
        "parameters": (9, "[]Parameter"),
    },
    "Operation": {
        "tags": (1, _STRINGS),
        "description": (3, _STRING),
        "operationId": (5, _STRING),
        "consumes": (7, _STRINGS),
        "parameters": (8, "[]Parameter"),
        "responses": (9, "Responses"),
    },
    "Responses": {},
    "Response": {"description": (1, _STRING), "schema": (2, "SchemaItem")},
    "SchemaItem": {},
    "Parameter": {},
    "BodyParameter": {
        "description": (1, _STRING),
        "name": (2, _STRING),
        "in": (3, _STRING),
        "required": (4, _BOOL),
        "schema": (5, "Schema"),
    },
    "PlainParameter": {
        "required": (1, _BOOL),
        "in": (2, _STRING),
        "description": (3, _STRING),
        "name": (4, _STRING),
        "type": (6, _STRING),
        "uniqueItems": (20, _BOOL),
    },
    "Schema": {
        "$ref": (1, _STRING),
        "format": (2, _STRING),
        "title": (3, _STRING),
        "description": (4, _STRING),
        "default": (5, _ANY),
        "multipleOf": (6, _NUMBER),
        "maximum": (7, _NUMBER),
        "exclusiveMaximum": (8, _BOOL),
        "minimum": (9, _NUMBER),
        "exclusiveMinimum": (10, _BOOL),
        "maxLength": (11, _COUNT),
        "minLength": (12, _COUNT),
        "pattern": (13, _STRING),
        "maxItems": (14, _COUNT),
        "minItems": (15, _COUNT),
        "maxProperties": (17, _COUNT),
        "minProperties": (18, _COUNT),
        "required": (19, _STRINGS),
        "enum": (20, _ANYS),
        "additionalProperties": (21, "Extra"),
        "type": (22, "Type"),
        "items": (23, "Items"),
        "allOf": (24, "[]Schema"),
        "properties": (25, "Schemas"),
    },
}
"""Message → JSON key → (field number, type). Those without fields are written by a function of their own."""
_EXTENSIONS = {"Schema": 31, "Operation": 13}


def document_v2(document: Obj) -> bytes:
    """The encoded document."""
    return _message("Document", document)


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as large ones
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _true(number: int) -> bytes:
    return _varint(number << 3) + b"\x01"


def _named(number: int, name: str, value: bytes) -> bytes:
    """A pair of name and value in a field: how maps are written."""
    return _bytes(number, _bytes(1, name.encode()) + _bytes(2, value))


def _any(value: Any) -> bytes:
    """A value as YAML text; JSON is that."""
    return _bytes(2, compact(value))


def _message(type_: str, value: Any) -> bytes:
    special = _SPECIAL.get(type_)
    if special:
        return special(value)
    out = b"".join(_field(*known, value[key]) for key, known in _MESSAGES[type_].items() if value.get(key) is not None)
    extended = _EXTENSIONS.get(type_)
    if extended:
        out += b"".join(_named(extended, k, _any(v)) for k, v in value.items() if k.startswith("x-"))
    return out


def _field(number: int, type_: str, value: Any) -> bytes:
    if type_ == _STRING:
        return _bytes(number, str(value).encode())
    if type_ == _BOOL:
        return _true(number) if value else b""
    if type_ == _NUMBER:
        return _varint(number << 3 | 1) + struct.pack("<d", value)
    if type_ == _COUNT:
        return _varint(number << 3) + _varint(int(value))
    if type_ == _STRINGS:
        return b"".join(_bytes(number, str(v).encode()) for v in value)
    if type_ == _ANY:
        return _bytes(number, _any(value))
    if type_ == _ANYS:
        return b"".join(_bytes(number, _any(v)) for v in value)
    if type_.startswith("[]"):
        return b"".join(_bytes(number, _message(type_[2:], v)) for v in value)
    return _bytes(number, _message(type_, value))


def _schemas(value: Obj) -> bytes:
    return b"".join(_named(1, name, _message("Schema", part)) for name, part in value.items())


def _paths(value: Obj) -> bytes:
    return b"".join(_named(2, path, _message("PathItem", item)) for path, item in value.items())


def _responses(value: Obj) -> bytes:
    return b"".join(_named(1, code, _bytes(1, _message("Response", part))) for code, part in value.items())


def _parameter(value: Obj) -> bytes:
    if value.get("in") == "body":
        return _bytes(1, _bytes(1, _message("BodyParameter", value)))
    which = {"header": 1, "formData": 2, "query": 3, "path": 4}[value["in"]]
    return _bytes(1, _bytes(2, _bytes(which, _message("PlainParameter", value))))


def _extra(value: Any) -> bytes:
    return _bytes(1, _message("Schema", value)) if isinstance(value, dict) else (_true(2) if value else b"")


_SPECIAL: dict[str, Callable[[Any], bytes]] = {
    "Schemas": _schemas,
    "Paths": _paths,
    "Responses": _responses,
    "SchemaItem": lambda value: _bytes(1, _message("Schema", value)),
    "Parameter": _parameter,
    "Extra": _extra,
    "Type": lambda value: _bytes(1, str(value).encode()),
    "Items": lambda value: _bytes(1, _message("Schema", value)),
}
