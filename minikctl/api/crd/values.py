"""Whether a custom resource fits its OpenAPI schema, in Kubernetes' words.

Source: kube-openapi `pkg/validation/{validate,errors}`, apiextensions-apiserver `pkg/apiserver/validation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from minikctl.api.cel import regex
from minikctl.api.crd import correlation, formats
from minikctl.api.errors import (
    FieldError,
    field_invalid,
    field_not_supported,
    field_required,
    field_too_long,
    field_too_many,
)
from minikctl.api.patch.values import ABSENT, identical
from minikctl.util import go_format
from minikctl.util.jsonio import compact

Schema = dict[str, Any]
NIL = "<nil>"
"""How Kubernetes calls the path of the whole object."""


@dataclass
class Result:
    """Errors, and how much was right: of several alternatives that fail, the errors of the closest one are told."""

    errors: list[FieldError] = field(default_factory=list)
    matches: int = 0

    def add(self, *errors: FieldError) -> None:
        self.errors += [e for e in errors if e not in self.errors]

    def merge(self, other: Result) -> None:
        self.add(*other.errors)
        self.matches += other.matches

    @property
    def is_valid(self) -> bool:
        return not self.errors


def validate(schema: Schema | None, obj: Any, path: str = "", old: Any = ABSENT) -> list[FieldError]:
    """All errors of an object (or of its part at `path`, then with the path in front).

    With `old`, the object before an update, what the update leaves as it was may be wrong.
    """
    return _Validator(path).check(schema, obj, "", old).errors if schema is not None else []


class _Validator:
    """`root` stands before every path in errors' fields, but not in their texts."""

    def __init__(self, root: str):
        self.root = root

    def at(self, path: str) -> str:
        path = path.removeprefix(".")
        return f"{self.root}.{path}" if self.root and path else self.root or path or NIL

    def invalid(self, path: str, value: Any, text: str) -> FieldError:
        return field_invalid(self.at(path), value, f"{path} in body {text}")

    def composite(self, text: str) -> FieldError:
        return field_invalid(self.root or NIL, "", text)

    # ------------------------------------------------------------------ one place

    def check(self, schema: Schema, value: Any, path: str, old: Any = ABSENT) -> Result:
        if old is not ABSENT and path and identical(value, old):
            return Result(matches=1)
        result = self.type_of(schema, value, path)
        if value is None:
            result.merge(self.enum(schema, value, path))
            return result
        result.merge(self.juncture(schema, value, path))
        match value:
            case bool():
                pass
            case str():
                result.merge(self.string(schema, value, path))
            case int() | float():
                result.merge(self.number(schema, value, path))
            case list():
                result.merge(self.array(schema, value, path, old))
        result.merge(self.enum(schema, value, path))
        if isinstance(value, dict):
            result.merge(self.object(schema, value, path, old))
        result.matches += 1
        return result

    def type_of(self, schema: Schema, value: Any, path: str) -> Result:
        types = types_of(schema)
        if not types:
            return Result(matches=1)
        found = json_type(value)
        fits = (
            found in types
            or (found == "null" and schema.get("nullable"))
            or (found == "integer" and "number" in types)
            or (found == "number" and "integer" in types and float(value).is_integer())
        )
        if fits:
            return Result(matches=1)
        text = f'{path} in body must be of type {",".join(types)}: "{found}"'
        return Result([FieldError("FieldValueTypeInvalid", self.at(path), text, f'"{found}"')])

    def enum(self, schema: Schema, value: Any, path: str) -> Result:
        allowed = schema.get("enum") or []
        if not allowed or any(identical(value, a) for a in allowed):
            return Result(matches=1)
        shown = [a if isinstance(a, str) else compact(a).decode() for a in allowed]
        return Result([field_not_supported(self.at(path), value, shown)])

    # ------------------------------------------------------------------ scalars

    def string(self, schema: Schema, value: str, path: str) -> Result:
        longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
        if longest is not None and len(value) > longest:
            return Result([field_too_long(self.at(path), int(longest))])
        if shortest is not None and len(value) < shortest:
            return Result([self.invalid(path, value, f"should be at least {shortest} chars long")])
        if pattern and not regex.matches(pattern, value):
            return Result([self.invalid(path, value, f"should match '{pattern}'")])
        name = schema.get("format") or ""
        if name and schema.get("type") in (None, "string") and not formats.fits(name, value):
            text = f'{path} in body must be of type {name}: "{value}"'
            return Result([FieldError("FieldValueTypeInvalid", self.at(path), text, go_format.quote(value))])
        return Result(matches=2)

    def number(self, schema: Schema, value: float, path: str) -> Result:
        result = Result(matches=1)
        result.add(*self.number_range(schema, value, path))
        multiple = schema.get("multipleOf")
        if multiple and Decimal(str(value)) % Decimal(str(multiple)) != 0:
            result.add(self.invalid(path, value, f"should be a multiple of {_number(value, multiple)}"))
        bounds: tuple[tuple[str, str, str, Callable[[float, float], bool]], ...] = (
            ("maximum", "exclusiveMaximum", "less than", lambda v, m: v > m),
            ("minimum", "exclusiveMinimum", "greater than", lambda v, m: v < m),
        )
        for name, exclusive_name, words, beyond in bounds:
            bound, exclusive = schema.get(name), schema.get(exclusive_name)
            if bound is None or not (beyond(value, bound) or (exclusive and value == bound)):
                continue
            words += "" if exclusive else " or equal to"
            result.add(self.invalid(path, value, f"should be {words} {_number(value, bound)}"))
        return result

    def number_range(self, schema: Schema, value: float, path: str) -> list[FieldError]:
        kind, name = schema.get("type"), schema.get("format")
        limits = {("integer", "int32"): 2**31, ("integer", "int64"): 2**63, ("number", "float"): 3.4028234663852886e38}
        limit = limits.get((str(kind), str(name)))
        if limit is None or -limit <= value < limit or (kind == "number" and abs(value) == limit):
            return []
        return [self.composite(f"Checked value must be of type {kind} with format {name} in {path}")]

    # ------------------------------------------------------------------ what has parts

    def array(self, schema: Schema, value: list[Any], path: str, old: Any) -> Result:
        result = Result(matches=1)
        items = schema.get("items")
        if isinstance(items, dict):
            for i, item in enumerate(value):
                result.merge(self.check(items, item, f"{path}[{i}]", correlation.item(schema, old, item)))
        least, most = schema.get("minItems"), schema.get("maxItems")
        if least is not None and len(value) < least:
            result.add(self.invalid(path, len(value), f"should have at least {least} items"))
        if most is not None and len(value) > most:
            result.add(field_too_many(self.at(path), len(value), int(most)))
        if schema.get("uniqueItems") and _has_duplicates(value):
            result.add(self.invalid(path, "", "shouldn't contain duplicates"))
        return result

    def object(self, schema: Schema, value: dict[str, Any], path: str, old: Any) -> Result:
        result = Result(matches=1)
        least, most = schema.get("minProperties"), schema.get("maxProperties")
        if least is not None and len(value) < least:
            result.add(self.invalid(path, len(value), f"should have at least {least} properties"))
        if most is not None and len(value) > most:
            result.add(field_too_many(self.at(path), len(value), int(most)))
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, item in value.items():
            if name in properties:
                below = f"{path}.{name}" if path else name
                result.merge(self.check(properties[name], item, below, correlation.member(old, name)))
            elif isinstance(extra, dict):
                result.merge(self.check(extra, item, f"{path}.{name}", correlation.member(old, name)))
        for name in schema.get("required") or []:
            if name not in value:
                result.add(field_required(self.at(f"{path}.{name}")))
        return result

    # ------------------------------------------------------------------ alternatives

    def juncture(self, schema: Schema, value: Any, path: str) -> Result:
        result = Result()
        if schema.get("anyOf"):
            self.any_of(schema["anyOf"], value, path, result)
        if schema.get("oneOf"):
            self.one_of(schema["oneOf"], value, path, result)
        if schema.get("allOf"):
            self.all_of(schema["allOf"], value, path, result)
        if schema.get("not") is not None and self.check(schema["not"], value, path).is_valid:
            result.add(self.composite(f'"{path}" must not validate the schema (not)'))
        result.matches += 1
        return result

    def any_of(self, schemas: list[Schema], value: Any, path: str, result: Result) -> None:
        tried = [self.check(s, value, path) for s in schemas]
        good = next((t for t in tried if t.is_valid), None)
        if good is None:
            result.add(self.composite(f'"{path}" must validate at least one schema (anyOf)'))
        result.merge(good or max(tried, key=lambda t: t.matches))

    def one_of(self, schemas: list[Schema], value: Any, path: str, result: Result) -> None:
        tried = [self.check(s, value, path) for s in schemas]
        good = [t for t in tried if t.is_valid]
        if len(good) == 1:
            result.merge(good[0])
            return
        found = f"{len(good)} valid alternatives" if good else "none valid"
        result.add(self.composite(f'"{path}" must validate one and only one schema (oneOf). Found {found}'))
        if not good:
            result.merge(max(tried, key=lambda t: t.matches))

    def all_of(self, schemas: list[Schema], value: Any, path: str, result: Result) -> None:
        tried = [self.check(s, value, path) for s in schemas]
        for one in tried:
            result.merge(one)
        good = sum(t.is_valid for t in tried)
        if good < len(tried):
            result.add(
                self.composite(f'"{path}" must validate all the schemas (allOf){"" if good else ". None validated"}')
            )


def types_of(schema: Schema) -> list[str]:
    """The types that a schema names."""
    if schema.get("x-kubernetes-int-or-string"):
        return ["integer", "string"]
    return [schema["type"]] if schema.get("type") else []


def json_type(value: Any) -> str:
    """`null boolean integer number string array object`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _number(value: float, bound: float) -> str:
    """A bound as Go prints it beside a value: whole beside whole."""
    if isinstance(value, int) and float(bound).is_integer():
        return str(int(bound))
    return go_format.number(float(bound))


def _has_duplicates(values: list[Any]) -> bool:
    return any(identical(a, b) for i, a in enumerate(values) for b in values[:i])
