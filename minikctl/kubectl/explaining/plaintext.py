"""`explain -o plaintext`: what an OpenAPI v3 document says about a resource or one of its fields.

The output is that of kubectl's own template (kubectl `pkg/explain/v2/templates/plaintext.tmpl`), blanks included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from minikctl.kubectl.explaining.wrapping import indent, wrap
from minikctl.util import go_format

Schema = dict[str, Any]
ENUM_SHOWN = 4
_METHODS = ("get", "post", "put", "patch", "delete")


class NotExplained(Exception):
    """There is nothing to say; the text says why. `head` is what had been said before."""

    def __init__(self, text: str, head: str = ""):
        super().__init__(text)
        self.head = head


@dataclass(frozen=True)
class Resource:
    """A resource as it was asked for."""

    group: str
    version: str
    plural: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Resource={self.plural}"


def render(document: Schema, resource: Resource, path: list[str], *, recursive: bool) -> str:
    """The explanation of a resource or of the field at `path`. Raises NotExplained."""
    gvk = _group_version_kind(document, resource)
    if gvk is None:
        raise NotExplained(f"error: GVR ({resource}) not found in OpenAPI schema")
    head = f"GROUP:      {gvk['group']}\n" if gvk.get("group") else ""
    head += f"KIND:       {gvk['kind']}\nVERSION:    {gvk['version']}\n\n"
    schemas = document.get("components", {}).get("schemas", {})
    for _, schema in sorted(schemas.items()):
        if gvk in (schema.get("x-kubernetes-group-version-kind") or []):
            text = _output(_Place(schema, document, recursive), path)
            if not text:
                raise NotExplained(f'error: field "{path[-1]}" does not exist', head)
            return f"{head}{text}\n"
    raise NotExplained(f"error: GVK {go_format.sprint(gvk)} not found in OpenAPI schema", head)


def _group_version_kind(document: Schema, resource: Resource) -> Schema | None:
    """The kind that the operations on a resource's paths name."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    found = None
    for base in (f"{root}/{resource.version}", f"{root}/{resource.version}/namespaces/{{namespace}}"):
        for end in ("", "/{name}"):
            item = document.get("paths", {}).get(f"{base}/{resource.plural}{end}") or {}
            named = (item[m].get("x-kubernetes-group-version-kind") for m in _METHODS if item.get(m))
            found = next((n for n in named if n), found)
    return found


@dataclass(frozen=True)
class _Place:
    """A schema within its document, and which references led here."""

    schema: Schema
    document: Schema
    recursive: bool
    level: int = 1
    history: frozenset[str] = frozenset()

    @property
    def ref(self) -> str:
        return str(self.schema.get("$ref") or "")

    @property
    def resolved(self) -> Schema:
        return _resolve(self.ref, self.document) or self.schema

    @property
    def is_cycle(self) -> bool:
        return bool(self.ref) and self.ref in self.history

    def at(self, schema: Schema) -> _Place:
        return replace(self, schema=schema, history=self.history | {self.ref})


def _resolve(ref: str, document: Schema) -> Schema | None:
    if not ref.startswith("#"):
        return None
    found: Any = document
    for step in filter(None, ref[1:].split("/")):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _extra(schema: Schema) -> Schema | None:
    """The schema of a map's values."""
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, dict) and extra else None


def _output(place: _Place, path: list[str]) -> str:
    """Follow the path, then describe; empty when it leads nowhere."""
    schema = place.resolved
    if not path:
        return _described(place)
    if place.is_cycle:
        return ""
    field = (schema.get("properties") or {}).get(path[0])
    if field:
        head = ""
        if len(path) == 1:
            head = f"FIELD: {path[0]} <{_type(field, place.document)}>\n{_enum(field)}\n\n"
        return head + _output(replace(place, schema=field, history=frozenset()), path[1:])
    inner = schema.get("items") or _extra(schema)
    if inner:
        return _output(place.at(inner), path)
    return next((text for s in schema.get("allOf") or [] if (text := _output(place.at(s), path))), "")


def _described(place: _Place) -> str:
    schema = place.resolved
    text = "".join(_descriptions(schema, place.document)) or "<empty>"
    out = f"DESCRIPTION:\n{indent(wrap(text, 76), 4)}\n"
    fields = "".join(_fields(replace(place, schema=schema, history=frozenset())))
    return out + (f"FIELDS:\n{fields}" if fields else "")


def _descriptions(schema: Schema, document: Schema) -> Iterator[str]:
    """The descriptions of a schema and of all that it is made of."""
    schema = _resolve(str(schema.get("$ref") or ""), document) or schema
    if schema.get("description"):
        yield schema["description"] + "\n"
    for part in (*(schema.get("allOf") or []), schema.get("items"), _extra(schema)):
        if part:
            yield from _descriptions(part, document)


def _fields(place: _Place) -> Iterator[str]:
    if place.is_cycle:
        return
    schema = place.resolved
    for name, field in sorted((schema.get("properties") or {}).items()):
        yield _field(place, schema, name, field)
        if place.recursive:
            yield from _fields(replace(place.at(field), level=place.level + 1))
    for part in (*(schema.get("allOf") or []), schema.get("items"), _extra(schema)):
        if part:
            yield from _fields(place.at(part))


def _field(place: _Place, schema: Schema, name: str, field: Schema) -> str:
    amount = 2 * place.level
    out = f"{' ' * amount}{name}\t<{_type(field, place.document)}>"
    out += " -required-" if name in (schema.get("required") or []) else ""
    out += _short_enum(field, amount) + "\n"
    if place.recursive:
        return out
    out += indent(wrap(field.get("description") or "<no description>", 78 - amount), amount + 2) + "\n"
    return out + "\n"


def _type(schema: Schema, document: Schema) -> str:
    """`string`, `Object`, `PodSpec`, `[]Container`, `map[string]string`."""
    if schema.get("items"):
        return "[]" + _type(schema["items"], document)
    extra = _extra(schema)
    if extra:
        return "map[string]" + _type(extra, document)
    all_of = schema.get("allOf") or []
    if len(all_of) == 1 and not schema.get("properties"):
        return _type(all_of[0], document)
    kind = str(schema.get("type") or "")
    if schema.get("$ref"):
        target = _resolve(schema["$ref"], document) or {}
        if target.get("type") in (None, "", "object"):
            return str(schema["$ref"]).rpartition("/")[2].rpartition(".")[2] or "Object"
        return str(target["type"])
    return "Object" if kind in ("", "object") else kind


def _shown(value: Any) -> str:
    return '""' if value == "" else go_format.sprint(value)


def _enum(schema: Schema) -> str:
    values = schema.get("enum") or []
    return "ENUM:" + "".join(f"\n    {_shown(v)}" for v in values) if values else ""


def _short_enum(schema: Schema, amount: int) -> str:
    values = schema.get("enum") or []
    if not values:
        return ""
    more = ", ...." if len(values) > ENUM_SHOWN else ""
    return f"\n{' ' * amount}enum: " + ", ".join(_shown(v) for v in values[:ENUM_SHOWN]) + more
