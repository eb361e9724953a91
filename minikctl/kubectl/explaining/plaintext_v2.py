"""`explain -o plaintext-openapiv2`: the older explanation, from the OpenAPI v2 document.

Source: kubectl `pkg/explain`, kube-openapi `pkg/util/proto` (what a schema is taken for).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minikctl.kubectl.explaining.plaintext import NotExplained
from minikctl.kubectl.explaining.wrapping import fill

Schema = dict[str, Any]
WIDTH = 80
_ANY: Schema = {}


class Model:
    """A v2 document's definitions."""

    def __init__(self, document: Schema):
        self.definitions: dict[str, Schema] = document.get("definitions") or {}

    def lookup(self, gvk: Schema) -> Schema | None:
        """The definition of a kind."""
        for _, schema in sorted(self.definitions.items()):
            if gvk in (schema.get("x-kubernetes-group-version-kind") or []):
                return schema
        return None

    def target(self, schema: Schema) -> Schema:
        """Where a reference leads."""
        name = str(schema["$ref"]).removeprefix("#/definitions/")
        return self.definitions.get(name, _ANY)

    def form(self, schema: Schema) -> str:
        """`reference kind map array primitive any`."""
        if schema.get("$ref"):
            return "reference"
        kind = schema.get("type")
        if not kind:
            return "kind" if schema.get("properties") else "any"
        if kind == "object":
            return "kind" if schema.get("properties") else "map"
        return "array" if kind == "array" else "primitive"

    def inner(self, schema: Schema) -> Schema:
        """What a reference, an array or a map is of."""
        if schema.get("$ref"):
            return self.target(schema)
        if schema.get("type") == "array":
            return schema.get("items") or _ANY
        extra = schema.get("additionalProperties")
        return extra if isinstance(extra, dict) else _ANY

    def type_name(self, schema: Schema) -> str:
        match self.form(schema):
            case "reference":
                return self.type_name(self.target(schema))
            case "array":
                return "[]" + self.type_name(self.inner(schema))
            case "map":
                return "map[string]" + self.type_name(self.inner(schema))
            case "kind":
                return "Object"
            case "primitive":
                return str(schema["type"])
        return ""


def render(document: Schema, gvk: Schema, path: list[str], *, recursive: bool) -> str:
    """Raises NotExplained."""
    model = Model(document)
    schema = model.lookup(gvk)
    if schema is None:
        shown = f"{gvk['group']}/{gvk['version']}, Kind={gvk['kind']}"
        raise NotExplained(f'couldn\'t find resource for "{shown}"')
    found = _find(model, schema, path)
    return "".join(f"{line}\n" for line in _lines(model, found, path[-1] if path else "", gvk, recursive))


def _find(model: Model, schema: Schema, path: list[str]) -> Schema:
    path = list(path)
    while path:
        form = model.form(schema)
        if form in ("primitive", "any"):
            return schema
        if form == "kind":
            fields = schema["properties"]
            if path[0] not in fields:
                raise NotExplained(f'field "{path[0]}" does not exist')
            schema = fields[path.pop(0)]
        else:
            schema = model.inner(schema)
    return schema


def _lines(model: Model, schema: Schema, name: str, gvk: Schema, recursive: bool) -> Iterator[str]:
    descriptions: list[str] = []
    type_name = ""
    while model.form(schema) in ("reference", "array", "map"):
        descriptions.append(schema.get("description") or "")
        if model.form(schema) != "reference":
            type_name = type_name or model.type_name(schema)
        schema = model.inner(schema)
    form = model.form(schema)
    api_version = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
    yield f"KIND:     {gvk['kind']}"
    yield f"VERSION:  {api_version}\n"
    type_name = type_name or model.type_name(schema)
    if form == "primitive":
        yield f"FIELD:    {name} <{type_name}>\n"
    elif form == "kind" and name:
        yield f"RESOURCE: {name} <{type_name}>\n"
    yield from _description([*descriptions, schema.get("description") or ""])
    if form == "kind":
        yield "\nFIELDS:"
        yield from _tree(model, schema, 3, frozenset()) if recursive else _fields(model, schema)


def _description(texts: list[str]) -> Iterator[str]:
    yield "DESCRIPTION:"
    if not any(texts):
        yield "     <empty>"
    for i, text in enumerate(texts):
        if not text:
            continue
        if i:
            yield ""
        yield from _indented(fill(text, WIDTH - 5), 5)


def _indented(lines: list[str], amount: int) -> Iterator[str]:
    for line in lines:
        yield " " * amount + line if line else ""


def _fields(model: Model, schema: Schema) -> Iterator[str]:
    for name, field in sorted(schema["properties"].items()):
        required = " -required-" if name in (schema.get("required") or []) else ""
        yield f"   {name}\t<{model.type_name(field)}>{required}"
        yield from _indented(fill(field.get("description") or "", WIDTH - 5), 5)
        yield ""


def _tree(model: Model, schema: Schema, amount: int, seen: frozenset[str]) -> Iterator[str]:
    form = model.form(schema)
    if form == "reference":
        if schema["$ref"] not in seen:
            yield from _tree(model, model.target(schema), amount, seen | {schema["$ref"]})
    elif form in ("array", "map"):
        yield from _tree(model, model.inner(schema), amount, seen)
    elif form == "kind":
        for name, field in sorted(schema["properties"].items()):
            yield f"{' ' * amount}{name}\t<{model.type_name(field)}>"
            yield from _tree(model, field, amount + 3, seen)
