"""x-kubernetes-validations: the CEL rules of a schema, applied to objects.

Source: apiextensions-apiserver `pkg/apiserver/schema/cel`, concept "Validation rules".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from minikctl.api import cel
from minikctl.api.cel import types
from minikctl.api.crd import correlation, paths
from minikctl.api.crd.values import NIL
from minikctl.api.errors import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_invalid_whole,
    field_required,
)
from minikctl.api.patch.values import ABSENT, identical

Schema = dict[str, Any]
RULES = "x-kubernetes-validations"
MAX_MESSAGE = 5 * 1024
_VARIABLES = {"self": "dyn", "oldSelf": "dyn"}
_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_BLOCKING = frozenset(
    {
        "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)  # fmt: skip
"""After such errors rules could not rely on the types that they were checked with."""


def validate(
    schema: Schema | None, obj: Any, old: Any = ABSENT, found: list[FieldError] | None = None
) -> list[FieldError]:
    """Errors of all rules. `old`: the object before an update; `found`: errors known already."""
    if schema is None or not has_rules(schema):
        return []
    if any(e.reason in _BLOCKING for e in found or []):
        return [field_invalid(NIL, None, _NOT_CHECKED)]
    errors: list[FieldError] = []
    _walk(_Place(schema, "", obj, old, unchanged=False, root=True), schema, errors)
    return errors


def has_rules(schema: Any) -> bool:
    """Whether there is any rule in a schema."""
    if isinstance(schema, list):
        return any(has_rules(s) for s in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get(RULES):
        return True
    parts = [schema.get(k) for k in ("items", "additionalProperties", "allOf")]
    return any(has_rules(p) for p in [*parts, *(schema.get("properties") or {}).values()])


@dataclass(frozen=True)
class _Place:
    """One place in an object. `unchanged`: an update has left it as it was, so its errors are forgiven."""

    schema: Schema
    path: str
    value: Any
    old: Any
    unchanged: bool
    root: bool = False

    def below(self, schema: Schema, path: str, value: Any, old: Any) -> _Place:
        unchanged = self.unchanged or (old is not ABSENT and identical(value, old))
        return _Place(schema, path, value, old, unchanged, bool(schema.get("x-kubernetes-embedded-resource")))


def _walk(place: _Place, rules: Schema, errors: list[FieldError]) -> None:
    """Apply the rules in `rules` (the place's own schema, or one of its allOf) here and below."""
    if place.value is None:
        return
    if rules.get(RULES):
        errors += _apply(place, rules[RULES])
    for nested in rules.get("allOf") or []:
        if has_rules(nested):
            _walk(place, nested, errors)
    if isinstance(place.value, list):
        _walk_items(place, rules, errors)
    elif isinstance(place.value, dict):
        _walk_members(place, rules, errors)


def _walk_items(place: _Place, rules: Schema, errors: list[FieldError]) -> None:
    nested, schema = rules.get("items"), place.schema.get("items")
    if not has_rules(nested) or not isinstance(nested, dict) or not isinstance(schema, dict):
        return
    for i, value in enumerate(place.value):
        old = correlation.item(place.schema, place.old, value)
        _walk(place.below(schema, f"{place.path}[{i}]", value, old), nested, errors)


def _walk_members(place: _Place, rules: Schema, errors: list[FieldError]) -> None:
    extra, extra_schema = rules.get("additionalProperties"), place.schema.get("additionalProperties")
    known = place.schema.get("properties") or {}
    nested = rules.get("properties") or {}
    for name, value in place.value.items():
        old = correlation.member(place.old, name)
        if name in nested and name in known:
            if has_rules(nested[name]):
                below = f"{place.path}.{name}" if place.path else name
                _walk(place.below(known[name], below, value, old), nested[name], errors)
        elif isinstance(extra, dict) and isinstance(extra_schema, dict) and has_rules(extra):
            _walk(place.below(extra_schema, f"{place.path}[{name}]", value, old), extra, errors)


# ---------------------------------------------------------------------- one place


@lru_cache(maxsize=1024)
def _program(expression: str) -> cel.Program:
    """For evaluation: what was checked with types when the definition was written needs no types now."""
    return cel.compile(expression, _VARIABLES)


def _apply(place: _Place, rules: list[Schema]) -> list[FieldError]:
    errors = []
    bindings: dict[str, Any] | None = None
    for rule in rules:
        try:
            program = _program(rule["rule"])
        except cel.CompileError as e:
            errors.append(_invalid(place, f"rule compile error: compilation failed: {e}"))
            continue
        with_old = program.uses("oldSelf")
        if with_old and place.old in (ABSENT, None) and not rule.get("optionalOldSelf"):
            continue
        if bindings is None:
            bindings = {"self": types.to_cel(place.schema, place.value, root=place.root)}
        error = _evaluate(place, rule, program, _with_old(place, rule, bindings) if with_old else bindings)
        if error is not None and (with_old or not place.unchanged):
            errors.append(error)
    return errors


def _with_old(place: _Place, rule: Schema, bindings: dict[str, Any]) -> dict[str, Any]:
    absent = place.old in (ABSENT, None)
    before = None if absent else correlation.aligned(place.schema, place.old, place.value)
    old = types.to_cel(place.schema, before, root=place.root)
    return {**bindings, "oldSelf": optional(old, absent=absent) if rule.get("optionalOldSelf") else old}


def optional(value: Any, *, absent: bool) -> Any:
    """An optional value. The runtime makes them, but takes none: this asks it to make one."""
    return OptionalValue(None if absent else value, absent)


@dataclass(frozen=True)
class OptionalValue:
    value: Any
    absent: bool


def _evaluate(place: _Place, rule: Schema, program: cel.Program, bindings: dict[str, Any]) -> FieldError | None:
    """The error that a rule gives, None when the object follows it."""
    shown = (rule.get("message") or "").strip() or rule["rule"].strip()
    try:
        if _value(program, bindings) is True:
            return None
    except cel.EvaluationError as e:
        if str(e).startswith("no such overload"):
            text = f"'{e}': call arguments did not match a supported operator, function or macro signature for rule: {shown}"
        elif str(e).startswith("operation cancelled: actual cost limit exceeded"):
            text = f"'{e}': no further validation rules will be run due to call cost exceeds limit for rule: {shown}"
        else:
            text = f"{e} evaluating rule: {shown}"
        return _invalid(place, text)
    detail = _message(rule, bindings)
    path = place.path or NIL
    if rule.get("fieldPath"):
        below = paths.normalized(rule["fieldPath"])
        path = f"{place.path}{below}" if place.path else below.removeprefix(".")
    return _for_reason(rule.get("reason"), path, place, detail)


def _value(program: cel.Program, bindings: dict[str, Any]) -> Any:
    old = bindings.get("oldSelf")
    if not isinstance(old, OptionalValue):
        return program.evaluate(bindings)
    made = "optional.none()" if old.absent else "optional.of(old)"
    wrapped = cel.compile(f"[{made}].map(oldSelf, {program.expression})[0]", {"self": "dyn", "old": "dyn"})
    return wrapped.evaluate({"self": bindings["self"], "old": old.value})


def _message(rule: Schema, bindings: dict[str, Any]) -> str:
    """The message of a rule that is broken: made by its messageExpression when that gives a good one."""
    plain = (rule.get("message") or "").strip() or f"failed rule: {rule['rule'].strip()}"
    if not rule.get("messageExpression"):
        return plain
    try:
        made = _value(_program(rule["messageExpression"]), bindings)
    except (cel.CompileError, cel.EvaluationError):
        return plain
    made = made.strip() if isinstance(made, str) else ""
    return made if made and "\n" not in made and len(made) <= MAX_MESSAGE else plain


def _invalid(place: _Place, text: str) -> FieldError:
    return field_invalid(place.path or NIL, place.schema.get("type") or "", text)


def _for_reason(reason: str | None, path: str, place: _Place, detail: str) -> FieldError:
    whole = place.schema.get("type") in ("object", "array")
    match reason:
        case "FieldValueForbidden":
            return field_forbidden(path, detail)
        case "FieldValueRequired":
            return field_required(path, detail)
        case "FieldValueDuplicate":
            error = field_duplicate(path, "" if whole else place.value)
            return FieldError(error.reason, path, detail, "" if whole else error.value)
    return field_invalid_whole(path, detail) if whole else field_invalid(path, place.value, detail)
