"""Strategic merge patch: a merge patch that knows, from the types, which lists are merged and by which key.

Directives in a patch: `$patch: replace|delete` in an object or a list's element, `$retainKeys: [field, …]` (all other
fields go), `$deleteFromPrimitiveList/x: [value, …]`, `$setElementOrder/x: [element, …]`.

Nothing given is changed; what a patch does not touch is shared with the result.
Source: the strategic merge patch design (community `sig-api-machinery/strategic-merge-patch.md`), apimachinery
`util/strategicpatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minikctl.api import schema
from minikctl.api.patch.values import ABSENT, go_value, identical, kind_of

Obj = dict[str, Any]

PATCH, RETAIN_KEYS = "$patch", "$retainKeys"
DELETE_FROM_LIST, SET_ORDER = "$deleteFromPrimitiveList", "$setElementOrder"
MERGE, REPLACE, DELETE = "merge", "replace", "delete"


class PatchError(ValueError):
    """The patch does not fit the object."""


class MalformedPatch(PatchError):
    """A directive of the patch is not formed as it must be."""


class ListOfLists(PatchError):
    """Lists of lists cannot be merged."""


@dataclass(frozen=True, slots=True)
class FieldMeta:
    """How a field is patched. `strategy` is merge, replace or `""`; `type` is that of the field's value."""

    type: str
    strategy: str = ""
    retain_keys: bool = False
    merge_key: str = ""

    @property
    def element(self) -> str:
        return schema.element(self.type)


def lookup(type_name: str, key: str) -> FieldMeta:
    """How the field `key` of a type is patched. Raises PatchError when the type has no such field."""
    if type_name.startswith(("map[", "[]")):
        kind = "map" if type_name.startswith("map[") else "slice"
        raise PatchError(f"merging an object in json but data type is not struct, instead is: {kind}")
    fields = {} if type_name in schema.SCALARS else schema.get(type_name).fields
    field = fields.get(key)
    if field is None:
        struct = "RawExtension" if type_name == "any" else type_name.rsplit(".", 1)[-1]
        raise PatchError(f'unable to find api field in struct {struct} for the json field "{key}"')
    strategy = next((s for s in field.strategies if s != "retainKeys"), "")
    return FieldMeta(field.type, strategy, "retainKeys" in field.strategies, field.merge_key)


def apply(original: Obj, patch: Obj, type_name: str) -> Obj:
    """`original` with a strategic merge patch applied, by the schema of `type_name`. Raises PatchError."""
    return _merge(original, patch, type_name)


# ---------------------------------------------------------------------- objects


@dataclass(slots=True)
class _Change:
    """What a patch says about one field: its value, and the two lists that may go with it."""

    value: Any = ABSENT
    order: Any = None
    removed: Any = None


def _merge(original: Obj, patch: Obj, type_name: str) -> Obj:
    directive = patch.get(PATCH, ABSENT)
    if directive is not ABSENT:
        return _directed(directive, patch)
    kept = _retained(patch)
    out = original if kept is None else {k: v for k, v in original.items() if k in kept}
    out = dict(out)
    for key, change in _changes(patch).items():
        value = _changed(out.get(key, ABSENT), change, type_name, key)
        if value is ABSENT:
            out.pop(key, None)
        else:
            out[key] = value
    return out


def _directed(directive: Any, patch: Obj) -> Obj:
    if directive == REPLACE:
        return {k: v for k, v in patch.items() if k != PATCH}
    if directive == DELETE:
        return {}
    raise PatchError(f"unknown patch type: {go_value(directive)} in map: {go_value(patch)}")


def _retained(patch: Obj) -> list[Any] | None:
    """The fields that `$retainKeys` names; None without it. A patch may set no field that it does not retain."""
    if RETAIN_KEYS not in patch:
        return None
    kept = patch[RETAIN_KEYS]
    if not isinstance(kept, list):
        raise MalformedPatch("invalid patch format of retainKeys")
    for key, value in patch.items():
        if key == RETAIN_KEYS or value is None or key.startswith((DELETE_FROM_LIST, SET_ORDER)):
            continue
        if key not in kept:
            raise MalformedPatch("invalid patch format of retainKeys")
    return kept


def _changes(patch: Obj) -> dict[str, _Change]:
    """The patch by field: `x`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x` belong together."""
    changes: dict[str, _Change] = {}
    for key, value in patch.items():
        directive, slash, field = key.partition("/")
        if directive == SET_ORDER:
            if not slash or not isinstance(value, list):
                raise MalformedPatch("invalid patch format of setElementOrder list")
            changes.setdefault(field, _Change()).order = value
        elif directive == DELETE_FROM_LIST:
            if not slash:
                raise MalformedPatch("invalid patch format of primitive list")
            changes.setdefault(field, _Change()).removed = value
        elif key != RETAIN_KEYS:
            changes.setdefault(key, _Change()).value = value
    return changes


def _changed(before: Any, change: _Change, type_name: str, key: str) -> Any:
    """The field's new value, ABSENT when it goes."""
    if change.order is not None and change.value is not None:
        value = _ordered(before, change, lookup(type_name, key))
    elif change.value is ABSENT:
        value = before
    elif change.value is None:
        return ABSENT
    else:
        value = _set(before, change.value, type_name, key)
    if isinstance(change.removed, list) and isinstance(value, list):
        return [v for v in value if not any(identical(v, r) for r in change.removed)]
    return value


def _set(before: Any, value: Any, type_name: str, key: str) -> Any:
    if kind_of(before) != kind_of(value):
        return _added(value)
    if isinstance(value, dict):
        meta = lookup(type_name, key)
        return value if meta.strategy == REPLACE else _merge(before, value, meta.type)
    if isinstance(value, list):
        meta = lookup(type_name, key)
        return _merge_list(before, value, meta) if meta.strategy == MERGE else value
    return value


def _added(value: Any) -> Any:
    """A value that had no counterpart: nulls and directives drop out. ABSENT when it was nothing but a directive."""
    if isinstance(value, dict):
        if PATCH in value:
            return ABSENT
        kept = {k: _added(v) for k, v in value.items() if v is not None and not k.startswith("$")}
        return {k: v for k, v in kept.items() if v is not ABSENT}
    if isinstance(value, list):
        return [v for v in map(_added, value) if v is not ABSENT]
    return value


# ---------------------------------------------------------------------- lists


def element_kind(*lists: Sequence[Any]) -> str:
    """What the elements of all the lists are; `""` when there are none. Raises PatchError when they differ."""
    kinds = {kind_of(v) for items in lists for v in items}
    if "array" in kinds:
        raise ListOfLists("lists of lists are not supported")
    if len(kinds) > 1:
        raise PatchError(f"list element types are not identical: {go_value(list(map(list, lists)))}")
    return next(iter(kinds), "")


def merge_value(element: Any, merge_key: str) -> Any:
    """What identifies an element: the value of its merge key, or the element itself. Raises PatchError."""
    if not merge_key:
        return element
    if not isinstance(element, dict):
        raise PatchError(f"expected a map[string]interface {{}}, but received a {kind_of(element)}")
    if merge_key not in element:
        raise PatchError(f"map: {go_value(element)} does not contain declared merge key: {merge_key}")
    return element[merge_key]


def _position(items: Sequence[Any], wanted: Any, merge_key: str) -> int:
    """Where the element stands that `wanted` identifies, -1 when it does not."""
    return next((i for i, item in enumerate(items) if identical(merge_value(item, merge_key), wanted)), -1)


def _merge_list(before: list[Any], patch: list[Any], meta: FieldMeta) -> list[Any]:
    """Elements of the patch merged in; theirs is the order among themselves."""
    if not before and not patch:
        return before
    if element_kind(before, patch) != "object":
        return _arrange(_union(before, patch), patch, before, "")
    if not meta.merge_key:
        raise PatchError("cannot merge lists without merge key for slice")
    kept, wanted = _without_special(before, patch, meta.merge_key)
    return _arrange(_merge_elements(kept, wanted, meta), wanted, kept, meta.merge_key)


def _union(before: list[Any], patch: list[Any]) -> list[Any]:
    out: list[Any] = []
    for value in [*before, *patch]:
        if _position(out, value, "") < 0:
            out.append(value)
    return out


def _without_special(before: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Carry out `$patch` elements; what is left is (the list so far, elements to merge)."""
    plain = [v for v in patch if PATCH not in v]
    kept, replaced = before, False
    for element in patch:
        directive = element.get(PATCH, ABSENT)
        if directive is ABSENT:
            continue
        if directive == DELETE:
            gone = merge_value(element, merge_key)
            kept = [v for v in kept if not identical(v.get(merge_key, ABSENT), gone)]
        elif directive == REPLACE:
            replaced = True
        elif directive == MERGE:
            raise PatchError("merging lists cannot yet be specified in the patch")
        else:
            raise PatchError(f"unknown patch type: {go_value(directive)} in map: {go_value(element)}")
    return (plain, []) if replaced else (kept, plain)


def _merge_elements(before: list[Any], patch: list[Any], meta: FieldMeta) -> list[Any]:
    out = list(before)
    for element in patch:
        at = _position(out, merge_value(element, meta.merge_key), meta.merge_key)
        if at < 0:
            out.append(_added(element))
        else:
            out[at] = _merge(out[at], element, meta.element)
    return out


def _ordered(before: Any, change: _Change, meta: FieldMeta) -> Any:
    """A list in the order that `$setElementOrder` asks for; elements it does not name keep their places roughly."""
    patch = change.value
    for items in (before, patch):
        if items is not ABSENT and not isinstance(items, list):
            raise PatchError(f"expected a []interface {{}}, but received a {kind_of(items)}")
    _check_order([] if patch is ABSENT else patch, change.order, meta.merge_key)
    if patch is ABSENT:
        merged = before
    elif before is ABSENT:
        merged = _added(patch)
    else:
        merged = _merge_list(before, patch, meta) if meta.strategy == MERGE else patch
    if merged is ABSENT:
        return ABSENT
    stood = [] if before is ABSENT else _standing(before, merged, meta.merge_key)
    return _arrange(merged, change.order, stood, meta.merge_key)


def _standing(before: list[Any], merged: list[Any], merge_key: str) -> list[Any]:
    """The order that counts for elements nobody asked about: new elements fill the places of deleted ones.

    Nothing says that it must be so, but API servers do it, and it shows in the order of what they answer.
    """

    def within(items: list[Any], element: Any) -> bool:
        return _position(items, merge_value(element, merge_key), merge_key) >= 0

    kept = [v for v in before if within(merged, v)]
    added = [v for v in merged if not within(before, v)]
    return kept + added[: len(before) - len(kept)]


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """The patch's elements must stand in `$setElementOrder`, in the same order."""
    if not order:
        return
    left = iter(order)
    for element in patch:
        if isinstance(element, dict) and PATCH in element:
            continue
        wanted = merge_value(element, merge_key)
        if not any(identical(merge_value(o, merge_key), wanted) for o in left):
            raise PatchError(
                f"The order in patch list:\n{go_value(patch)}\n doesn't match {SET_ORDER} list:\n{go_value(order)}\n"
            )


def _arrange(merged: list[Any], order: list[Any], before: list[Any], merge_key: str) -> list[Any]:
    """Elements named in `order` stand in that order; the others, in the order of `before`, are fitted in between.

    An element of the second sort goes before the next one of the first sort that stood behind it in `before`.
    """

    def at(items: list[Any], element: Any) -> int:
        return _position(items, merge_value(element, merge_key), merge_key)

    placed = [(at(order, v), at(before, v), v) for v in merged]
    asked = sorted((p for p in placed if p[0] >= 0), key=lambda p: p[0])
    others = sorted((p for p in placed if p[0] < 0), key=lambda p: p[1])
    out: list[Any] = []
    while asked and others:
        fits = 0 <= others[0][1] < asked[0][1]
        out.append((others if fits else asked).pop(0)[2])
    return out + [p[2] for p in others + asked]
