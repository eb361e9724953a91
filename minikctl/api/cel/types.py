"""Structural schemas as types of the CEL checker, and values of such a schema as CEL sees them.

The checker of the runtime knows object types as protobuf messages only; so a schema becomes a message, whose name and
fields exist nowhere else. What protobuf cannot say (lists of lists, maps of lists) is `dyn` there.

Source: apiserver `pkg/cel/{escaping.go,common/schemas.go,common/valuesunstructured.go}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from minikctl.api.durations import parse_go_duration

Schema = dict[str, Any]
_RESERVED = frozenset(
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    }
)  # fmt: skip
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ROOT: dict[str, Schema] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
    },
}
_WELL_KNOWN = {
    "dyn": ".google.protobuf.Value",
    "timestamp": ".google.protobuf.Timestamp",
    "duration": ".google.protobuf.Duration",
}


@dataclass(frozen=True, eq=False)
class ObjectType:
    """A type for `compile`'s variables. `name` in the runtime's notation."""

    name: str
    pool: Any


def escape(name: str) -> str:
    """A property's name as an identifier of CEL; empty when there is none."""
    if not name or name[0].isdigit():
        return ""
    if name in _RESERVED:
        return f"__{name}__"
    if re.search(r"[^a-zA-Z0-9_./-]", name):
        return ""
    return re.sub(r"__|[-./]", lambda m: _ESCAPES[m[0]], name)


def is_rooted(schema: Schema, *, root: bool) -> bool:
    return root or bool(schema.get("x-kubernetes-embedded-resource"))


def properties(schema: Schema, *, root: bool) -> dict[str, Schema]:
    """The properties that expressions can see."""
    own: dict[str, Schema] = schema.get("properties") or {}
    return {**own, **_ROOT} if is_rooted(schema, root=root) else own


def kind_of(schema: Schema) -> str:
    """The type of a schema: a CEL type, `object`, `map`, `list`, or empty for what expressions cannot see."""
    if schema.get("x-kubernetes-int-or-string"):
        return "dyn"
    match schema.get("type"):
        case "string":
            form = schema.get("format")
            return {"byte": "bytes", "date": "timestamp", "date-time": "timestamp", "duration": "duration"}.get(
                str(form), "string"
            )
        case "integer":
            return "int"
        case "number":
            return "double"
        case "boolean":
            return "bool"
        case "array":
            return "list" if kind_of(schema.get("items") or {}) else ""
        case "object":
            extra = schema.get("additionalProperties")
            if isinstance(extra, dict):
                return "map" if kind_of(extra) else ""
            return "object"
    return ""


# ---------------------------------------------------------------------- declaring


def declare(schema: Schema, *, root: bool) -> str | ObjectType:
    """The type of `self` in the rules of a schema. root: the schema of a whole resource."""
    kind = kind_of(schema)
    if kind not in ("object", "list", "map"):
        return kind or "dyn"
    builder = _Builder()
    name = builder.type_name(schema, root=root)
    return ObjectType(name, builder.pool())


class _Builder:
    """Collects the messages of one type."""

    def __init__(self) -> None:
        from google.protobuf import descriptor_pb2, duration_pb2, struct_pb2, timestamp_pb2

        self._imports = (duration_pb2, struct_pb2, timestamp_pb2)
        self._file = descriptor_pb2.FileDescriptorProto(name="self.proto", package="self")
        self._field_types = descriptor_pb2.FieldDescriptorProto
        self._count = 0
        for module in self._imports:
            self._file.dependency.append(module.DESCRIPTOR.name)

    def pool(self) -> Any:
        from google.protobuf import descriptor_pb2, descriptor_pool

        pool = descriptor_pool.DescriptorPool()
        for module in self._imports:
            copied = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(copied)
            pool.Add(copied)
        pool.Add(self._file)
        return pool

    def type_name(self, schema: Schema, *, root: bool = False) -> str:
        """In the notation of the runtime's types: `int`, `list<self.T1>`, `map<string, dyn>`."""
        kind = kind_of(schema)
        if kind == "object":
            return self.message(schema, root=root)
        if kind == "list":
            return f"list<{self.type_name(schema['items'])}>"
        if kind == "map":
            return f"map<string, {self.type_name(schema['additionalProperties'])}>"
        return {"timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}.get(kind, kind)

    def message(self, schema: Schema, *, root: bool) -> str:
        self._count += 1
        name = f"selfType{self._count}"
        message = self._file.message_type.add(name=name)
        message.options.deprecated_legacy_json_field_conflicts = True  # names that JSON would not tell apart are fine
        for number, (field, part) in enumerate(properties(schema, root=root).items(), 1):
            if escape(field) and kind_of(part):
                self.field(message, name, escape(field), number, part)
        return f"self.{name}"

    def field(self, message: Any, of: str, name: str, number: int, schema: Schema) -> None:
        kind = kind_of(schema)
        if kind == "list":
            self.add(message, name, number, schema["items"], repeated=True)
        elif kind == "map" and _entry_name(name) not in [n.name for n in message.nested_type]:
            entry = message.nested_type.add(name=_entry_name(name))
            entry.options.map_entry = True
            self.add(entry, "key", 1, {"type": "string"})
            self.add(entry, "value", 2, schema["additionalProperties"])
            message.field.add(
                name=name,
                number=number,
                label=self._field_types.LABEL_REPEATED,
                type=self._field_types.TYPE_MESSAGE,
                type_name=f".self.{of}.{entry.name}",
            )
        else:
            self.add(message, name, number, schema)

    def add(self, message: Any, name: str, number: int, schema: Schema, *, repeated: bool = False) -> None:
        """A field of one value, or a list of them; lists and maps within are `dyn`."""
        types = self._field_types
        kind = kind_of(schema)
        field = message.field.add(name=name, number=number, json_name=f"{name}_{number}")
        field.label = types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL
        plain = {
            "string": types.TYPE_STRING,
            "bytes": types.TYPE_BYTES,
            "int": types.TYPE_INT64,
            "double": types.TYPE_DOUBLE,
            "bool": types.TYPE_BOOL,
        }
        if kind in plain:
            field.type = plain[kind]
            return
        field.type = types.TYPE_MESSAGE
        field.type_name = (
            f".{self.message(schema, root=False)}" if kind == "object" else _WELL_KNOWN.get(kind, _WELL_KNOWN["dyn"])
        )


def _entry_name(field: str) -> str:
    """What protobuf wants the message of a map's entries to be called."""
    return re.sub(r"(?:^|_+)([a-z]?)", lambda m: m[1].upper(), field) + "Entry"


# ---------------------------------------------------------------------- values


def to_cel(schema: Schema | None, value: Any, *, root: bool = False) -> Any:
    """JSON data of a schema as expressions see it: names escaped, times as times, what has no type left out."""
    if schema is None or value is None:
        return value
    kind = kind_of(schema)
    if kind == "object" and isinstance(value, dict):
        seen = properties(schema, root=root)
        return {
            escape(name): to_cel(seen[name], item)
            for name, item in value.items()
            if name in seen and item is not None and escape(name) and kind_of(seen[name])
        }
    if kind == "map" and isinstance(value, dict):
        return {name: to_cel(schema["additionalProperties"], item) for name, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [to_cel(schema["items"], item) for item in value]
    if kind == "double" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _scalar(kind, value) if isinstance(value, str) else value


def _scalar(kind: str, value: str) -> Any:
    """Raises nothing: what is malformed stays a string, and the rule fails on it."""
    try:
        if kind == "timestamp":
            from google.protobuf.timestamp_pb2 import Timestamp

            moment = datetime.fromisoformat(value)
            stamp = Timestamp()
            stamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
            return stamp
        if kind == "duration":
            from google.protobuf.duration_pb2 import Duration

            nanos = round(parse_go_duration(value) * 1e9)
            length = Duration()
            length.FromNanoseconds(nanos)
            return length
        if kind == "bytes":
            import base64

            return base64.b64decode(value, validate=True)
    except ValueError:
        pass
    return value
