"""Making patches: two-way from a pair of objects, three-way from what was applied, what is wanted and what is there.

A three-way patch holds what differs from the current object to the wanted one, without deletions, and deletes what was
in the last applied one and is wanted no more: what others set stays. `create_*` give strategic merge patches by our
schema; `create_three_way_json` gives a JSON merge patch, for kinds whose structure is not known here.
Source: apimachinery `util/strategicpatch`, `util/jsonmergepatch`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from minikctl.api.patch import merge_patch
from minikctl.api.patch.strategic import (
    DELETE,
    DELETE_FROM_LIST,
    MERGE,
    PATCH,
    REPLACE,
    RETAIN_KEYS,
    SET_ORDER,
    FieldMeta,
    Obj,
    PatchError,
    element_kind,
    lookup,
    merge_value,
)
from minikctl.api.patch.values import ABSENT, go_value, identical, kind_of


class ConflictError(PatchError):
    """Both sides changed the same field. `patch` is ours, `changes` theirs (from the last applied to the current)."""

    def __init__(self, patch: Obj, changes: Obj):
        super().__init__("the patch conflicts with changes made from original to current")
        self.patch, self.changes = patch, changes


def create_two_way(original: Obj, modified: Obj, type_name: str) -> Obj:
    """The strategic merge patch that turns `original` into `modified`. Raises PatchError."""
    return _Differ().object(original, modified, original, type_name)


def create_three_way(original: Obj, modified: Obj, current: Obj, type_name: str, overwrite: bool = True) -> Obj:
    """The strategic merge patch for `current`. Raises PatchError; ConflictError, unless `overwrite`."""
    patch = _Differ().object(original, modified, current, type_name)
    if not overwrite:
        changes = _Differ(ordered=False).object(original, current, original, type_name)
        if _conflict(patch, changes, type_name):
            raise ConflictError(patch, changes)
    return patch


def create_three_way_json(original: Obj, modified: Obj, current: Obj) -> Obj:
    """The JSON merge patch for `current`. Raises ConflictError."""
    additions = _only(merge_patch.diff(current, modified), nulls=False)
    deletions = _only(merge_patch.diff(original, modified), nulls=True)
    if _json_conflict(additions, deletions):
        raise ConflictError(additions, deletions)
    merged: Obj = merge_patch.apply(deletions, additions)
    return merged


def changed_identity(patch: Obj, *names: str) -> bool:
    """Whether a patch touches apiVersion, kind, metadata.name or another field of the metadata: no update may."""
    metadata = patch.get("metadata")
    return bool({"apiVersion", "kind"} & patch.keys()) or (
        isinstance(metadata, dict) and bool({"name", *names} & metadata.keys())
    )


class _Differ:
    """One walk over three objects at once: `original` tells what to delete, `current` what to change."""

    def __init__(self, ordered: bool = True):
        self.ordered = ordered

    def object(self, original: Obj, modified: Obj, current: Obj, type_name: str, retain: bool = False) -> Obj:
        patch: Obj = {}
        for key, wanted in modified.items():
            before, now = original.get(key, ABSENT), current.get(key, ABSENT)
            if kind_of(now) != kind_of(wanted):
                patch[key] = wanted
            elif isinstance(wanted, dict):
                self._object_field(patch, key, before, wanted, now, type_name)
            elif isinstance(wanted, list):
                self._list_field(patch, key, before, wanted, now, type_name)
            elif now != wanted:
                patch[key] = wanted
        patch |= {key: None for key in original if key not in modified}
        kept = sorted(k for k, v in modified.items() if v is not None)
        if retain and kept and (patch or _has_more(current, modified) or _has_more(original, modified)):
            patch[RETAIN_KEYS] = kept
        return patch

    def _object_field(self, patch: Obj, key: str, before: Any, wanted: Obj, now: Obj, type_name: str) -> None:
        before = before if isinstance(before, dict) else {}
        meta = _meta(type_name, key, before, wanted, now)
        if meta is None:
            return
        if meta.strategy == REPLACE:
            patch[key] = wanted
        elif inner := self.object(before, wanted, now, meta.type, meta.retain_keys):
            patch[key] = inner

    def _list_field(self, patch: Obj, key: str, before: Any, wanted: list[Any], now: list[Any], type_name: str) -> None:
        before = before if isinstance(before, list) else []
        meta = _meta(type_name, key, before, wanted, now)
        if meta is None:
            return
        if meta.strategy != MERGE:
            if not identical(now, wanted):
                patch[key] = wanted
            return
        if element_kind(before, wanted, now) == "object":
            elements, removed, reorder = self._elements(before, wanted, now, meta)
        else:
            elements, removed, reorder = _scalars(before, wanted, now)
        if elements:
            patch[key] = elements
        if removed:
            patch[f"{DELETE_FROM_LIST}/{key}"] = removed
        if reorder and wanted and self.ordered:
            patch[f"{SET_ORDER}/{key}"] = _identities(wanted, meta.merge_key)

    def _elements(
        self, before: list[Any], wanted: list[Any], now: list[Any], meta: FieldMeta
    ) -> tuple[list[Any], list[Any], bool]:
        """(patch elements, nothing to delete from a primitive list, whether the order must be given)."""
        key = meta.merge_key
        before_by, now_by = _by_key(before, key), _by_key(now, key)
        changes: list[Any] = []
        for element in wanted:
            name = go_value(merge_value(element, key))
            old, live = _take(before_by, name), _take(now_by, name)
            if live is None:
                changes.append(element)
            elif inner := self.object(old or {}, element, live, meta.element, meta.retain_keys):
                changes.append({**inner, key: element[key]})
        gone = [{key: e[key], PATCH: DELETE} for name in sorted(before_by) for e in before_by[name]]
        same_order = identical(_identities(now, key), _identities(wanted, key))
        return changes + gone, [], bool(gone) or (bool(now) and bool(changes or not same_order))


def _meta(type_name: str, key: str, *values: Any) -> FieldMeta | None:
    """How a field is patched; None when it is not known and nothing changed either. Raises PatchError."""
    try:
        return lookup(type_name, key)
    except PatchError:
        _, wanted, now = values
        if identical(wanted, now):
            return None
        raise


def _has_more(obj: Obj, modified: Obj) -> bool:
    return any(v is not None and k not in modified for k, v in obj.items())


def _by_key(elements: list[Any], merge_key: str) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for element in elements:
        out.setdefault(go_value(merge_value(element, merge_key)), []).append(element)
    return out


def _take(by_key: dict[str, list[Any]], name: str) -> Any:
    elements = by_key.get(name)
    return elements.pop(0) if elements else None


def _identities(elements: list[Any], merge_key: str) -> list[Any]:
    if not merge_key or not all(isinstance(e, dict) for e in elements):
        return elements
    return [{merge_key: merge_value(e, merge_key)} for e in elements]


def _scalars(before: list[Any], wanted: list[Any], now: list[Any]) -> tuple[list[Any], list[Any], bool]:
    """(what to add, what to delete, whether the order must be given)."""
    there = Counter(map(go_value, now))
    added = []
    for value in wanted:
        if there[go_value(value)] > 0:
            there[go_value(value)] -= 1
        else:
            added.append(value)
    surplus = Counter(map(go_value, before)) - Counter(map(go_value, wanted))
    removed = [next(v for v in before if go_value(v) == text) for text in sorted(surplus)]
    return added, removed, bool(removed) or (bool(now) and not identical(now, wanted))


# ---------------------------------------------------------------------- conflicts


def _conflict(left: Any, right: Any, type_name: str, strategy: str = "", merge_key: str = "") -> bool:
    """Whether two patches set the same field differently."""
    if isinstance(left, dict) and isinstance(right, dict):
        if left.get(PATCH, ABSENT) != right.get(PATCH, ABSENT):
            return True
        return strategy != REPLACE and _objects_conflict(left, right, type_name)
    if isinstance(left, list) and isinstance(right, list):
        return _lists_conflict(left, right, type_name, strategy, merge_key)
    return not identical(left, right)


def _objects_conflict(left: Obj, right: Obj, type_name: str) -> bool:
    for key in left.keys() & right.keys() - {PATCH, RETAIN_KEYS}:
        if key.startswith((SET_ORDER, DELETE_FROM_LIST)):
            continue
        value = left[key]
        meta = lookup(type_name, key) if isinstance(value, dict | list) else FieldMeta("")
        inner = meta.element if isinstance(value, list) else meta.type
        if _conflict(value, right[key], inner, meta.strategy, meta.merge_key):
            return True
    return False


def _lists_conflict(left: list[Any], right: list[Any], type_name: str, strategy: str, merge_key: str) -> bool:
    objects = element_kind(left, right) == "object"
    if strategy == MERGE:
        if not objects:
            return False
        ours, theirs = ({go_value(merge_value(e, merge_key)): e for e in side} for side in (left, right))
        return any(_conflict(ours[k], theirs[k], type_name) for k in ours.keys() & theirs.keys())
    if len(left) != len(right):
        return True
    if not objects:
        left, right = sorted(left, key=go_value), sorted(right, key=go_value)
    return any(_conflict(a, b, type_name) for a, b in zip(left, right))


def _only(patch: Obj, *, nulls: bool) -> Obj:
    """The part of a merge patch that deletes (`nulls`), or the part that sets."""
    out: Obj = {}
    for key, value in patch.items():
        if value is None:
            if nulls:
                out[key] = None
        elif isinstance(value, dict) and value:
            if inner := _only(value, nulls=nulls):
                out[key] = inner
        elif not nulls:
            out[key] = value
    return out


def _json_conflict(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return any(_json_conflict(left[k], right[k]) for k in left.keys() & right.keys())
    return not identical(left, right)
