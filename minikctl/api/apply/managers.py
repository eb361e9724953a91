"""metadata.managedFields: who set which field, kept true by every write.

An entry is known by manager, operation (Apply or Update), apiVersion and subresource. An Update takes the fields that
it changes away from everybody else. An Apply says what its manager wants: fields of others with other values are
conflicts, fields it no longer names are dropped unless somebody else owns them.

Source: KEP-555, apimachinery `util/managedfields`, structured-merge-diff `merge`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from minikctl.api.apply import fields, typed
from minikctl.api.apply.fields import Set
from minikctl.api.apply.shape import Shape
from minikctl.api.errors import ApiError
from minikctl.api.meta import LAST_APPLIED, Obj

APPLY, UPDATE = "Apply", "Update"
MAX_UPDATERS = 10
"""So many Update entries are kept; the oldest then become `ancient-changes`."""
_NOT_OWNED: Set = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        f"f:{f}": {}
        for f in (
            "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
            "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
        )
    },
}  # fmt: skip
_SUBTREES = ("f:managedFields",)


@dataclass(frozen=True)
class Manager:
    """Who writes, and how."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True)
class Entry:
    """One manager's fields. time: RFC 3339, when it last changed them."""

    manager: Manager
    time: str
    fields: Set

    def encode(self) -> Obj:
        out: Obj = {
            "manager": self.manager.name,
            "operation": self.manager.operation,
            "apiVersion": self.manager.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields,
        }
        if self.manager.subresource:
            out["subresource"] = self.manager.subresource
        return out

    @classmethod
    def decode(cls, data: Obj) -> Entry:
        manager = Manager(
            data.get("manager", ""),
            data.get("operation", UPDATE),
            data.get("apiVersion", ""),
            data.get("subresource", ""),
        )
        return cls(manager, data.get("time") or "", data.get("fieldsV1") or {})


def entries_of(obj: Obj) -> list[Entry]:
    return [Entry.decode(d) for d in obj.get("metadata", {}).get("managedFields") or []]


def owned(shape: Shape, obj: Obj) -> Set:
    """The fields of an object that somebody can own."""
    return _strip(typed.field_set(shape, _without_bookkeeping(obj)))


def _without_bookkeeping(obj: Obj) -> Obj:
    metadata = obj.get("metadata") or {}
    if "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}


def _strip(set_: Set) -> Set:
    return fields.difference(set_, _NOT_OWNED)


def after_update(
    shape: Shape, live: Obj | None, new: Obj, given: list[Entry] | None, manager: Manager, now: str
) -> list[Entry]:
    """The entries after a create (`live` is None), update or patch. `given` are those that the client sent, if any."""
    before: Obj = _without_bookkeeping(live) if live else {}
    after = _without_bookkeeping(new)
    fields_before = _strip(typed.field_set(shape, before)) if before else {}
    fields_after = _strip(typed.field_set(shape, after))
    changed = fields.union(
        fields.difference(fields_after, fields_before), _strip(typed.modified(shape, before, after)) if before else {}
    )
    gone = fields.difference(fields_before, fields_after)
    out = []
    mine: Entry | None = None
    for entry in given if given is not None else (entries_of(live) if live else []):
        kept = fields.difference(entry.fields, gone) if gone else entry.fields
        if entry.manager == manager:
            mine = replace(entry, fields=kept)
            continue
        kept = fields.difference(kept, changed) if changed else kept
        if kept:
            out.append(replace(entry, fields=kept))
    own = fields.union(mine.fields if mine else {}, changed)
    if own:
        unchanged = mine is not None and own == mine.fields and mine.time
        out.append(Entry(manager, mine.time if unchanged and mine else now, own))
    return _in_order(_capped(out))


def _capped(entries: list[Entry]) -> list[Entry]:
    updaters = sorted((e for e in entries if e.manager.operation == UPDATE), key=lambda e: e.time)
    if len(updaters) <= MAX_UPDATERS:
        return entries
    old = updaters[: len(updaters) - MAX_UPDATERS + 1]
    merged: Set = {}
    for entry in old:
        merged = fields.union(merged, entry.fields)
    ancient = Entry(Manager("ancient-changes", UPDATE, old[0].manager.api_version), old[-1].time, merged)
    return [e for e in entries if e not in old] + [ancient]


def _in_order(entries: list[Entry]) -> list[Entry]:
    """Apply before Update, then by time, then by name."""
    return sorted(entries, key=lambda e: (e.manager.operation != APPLY, e.time, e.manager.name, e.manager.subresource))


def apply(
    shape: Shape, live: Obj | None, config: Obj, manager: Manager, now: str, *, force: bool
) -> tuple[Obj, list[Entry]]:
    """Server-side apply: the new object (not yet defaulted) and its entries. Raises ApiError Conflict.

    `config` is what the client sent; the caller has removed what it may not set (status, managedFields).
    """
    live = live or {}
    entries = {e.manager: e for e in entries_of(live)}
    if live and not entries:
        first = Manager("before-first-apply", UPDATE, manager.api_version)
        entries[first] = Entry(first, now, owned(shape, live))
    base = _without_bookkeeping(live)
    merged = typed.merge(shape, base, config) if base else config
    wanted = owned(shape, config)
    before = entries.get(manager)
    others = {m: e for m, e in entries.items() if m != manager}
    if before:
        merged = _prune(shape, merged, before.fields, wanted, others)
    fields_merged = owned(shape, merged)
    changed = fields.union(
        fields.difference(fields_merged, owned(shape, base)) if base else fields_merged,
        _strip(typed.modified(shape, base, merged)),
    )
    conflicts = {m: both for m, e in others.items() if (both := fields.intersection(e.fields, changed))}
    conflicts = _forgiven(conflicts, live, manager)
    if conflicts and not force:
        raise conflict_error(conflicts)
    gone = fields.difference(owned(shape, base), fields_merged) if base else {}
    out = []
    for m, entry in others.items():
        kept = fields.difference(fields.difference(entry.fields, conflicts.get(m, {})), gone)
        if kept:
            out.append(replace(entry, fields=kept))
    unchanged = before is not None and before.fields == wanted and not changed and not gone
    out.append(Entry(manager, before.time if unchanged and before else now, wanted))
    return merged, _in_order(out)


def _prune(shape: Shape, merged: Obj, before: Set, wanted: Set, others: dict[Manager, Entry]) -> Obj:
    """Without the fields that this manager applied before, does not want any more, and nobody else owns."""
    managed = wanted
    for entry in others.values():
        managed = fields.union(managed, entry.fields)
    gone = fields.difference(before, managed)
    pruned: Obj = typed.remove(shape, merged, gone)
    return pruned


def _forgiven(conflicts: dict[Manager, Set], live: Obj, manager: Manager) -> dict[Manager, Set]:
    """kubectl may take over what its own client-side apply had set: the last-applied annotation tells."""
    annotations = live.get("metadata", {}).get("annotations") or {}
    if manager.name != "kubectl" or LAST_APPLIED not in annotations:
        return conflicts
    return {m: c for m, c in conflicts.items() if m.name not in ("kubectl-client-side-apply", "before-first-apply")}


def _describe(manager: Manager) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    if manager.operation == UPDATE:
        text += f" using {manager.api_version}"
    return text


def conflict_error(conflicts: dict[Manager, Set]) -> ApiError:
    """409 that names every manager and field."""
    found: list[tuple[str, str]] = []
    for manager in sorted(conflicts, key=_describe):
        found += [(_describe(manager), fields.show(p)) for p in fields.paths(conflicts[manager])]
    causes = [{"reason": "FieldManagerConflict", "message": f"conflict with {m}", "field": f} for m, f in found]
    if len(found) == 1:
        message = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines: list[str] = []
        for who in dict.fromkeys(m for m, _ in found):
            lines.append(f"conflicts with {who}:")
            lines += [f"- {f}" for m, f in found if m == who]
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, {"causes": causes})


def encode(entries: list[Entry]) -> list[dict[str, Any]]:
    return [e.encode() for e in entries]
