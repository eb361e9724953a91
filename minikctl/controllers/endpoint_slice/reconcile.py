"""Spreading endpoints over slices with as few writes as possible. Pure.

An endpoint stays in the slice that it is in. New ones fill the slices that have to be written anyway, then one slice
with enough room, then new slices. There is always at least one slice, be it empty.
Source: Kubernetes `k8s.io/endpointslice/reconciler.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, Objects, labels_of, name, with_metadata
from minikctl.controllers.endpoint_slice.desired import EndpointKey, Group, endpoint_key, ports_key

MAX_ENDPOINTS = 100

NewSlice = Callable[[Objects], Obj]
"""Makes an empty slice, with a name to be generated, for these ports."""


@dataclass(slots=True)
class Changes:
    """Slices to create, to update (whole objects) and to delete."""

    create: Objects = field(default_factory=list)
    update: Objects = field(default_factory=list)
    delete: Objects = field(default_factory=list)


def reconcile(
    groups: dict[str, Group],
    slices: Objects,
    labels: dict[str, str],
    new_slice: NewSlice,
    *,
    keep_placeholder: bool = True,
    maximum: int = MAX_ENDPOINTS,
) -> Changes:
    """What makes `slices` (those of one address type) hold exactly the endpoints of the groups.

    labels: what every slice shall carry; keep_placeholder: leave an empty slice when there are no endpoints.
    """
    changes = Changes()
    present: dict[str, Objects] = {}
    for each in slices:
        present.setdefault(ports_key(each.get("ports")), []).append(each)
    for ports, group in groups.items():
        _reconcile_group(group, present.pop(ports, []), labels, new_slice, maximum, changes)
    for others in present.values():
        changes.delete += others
    if keep_placeholder and len(changes.delete) == len(slices) and not changes.create:
        _keep_placeholder(changes, labels, new_slice([]))
    _reuse_deleted(changes)
    return changes


def _reconcile_group(
    group: Group, slices: Objects, labels: dict[str, str], new_slice: NewSlice, maximum: int, changes: Changes
) -> None:
    left = dict(group.endpoints)
    touched: Objects = []
    unchanged: Objects = []
    for each in slices:
        before = each.get("endpoints") or []
        kept = _kept(before, left)
        if not kept and before:
            changes.delete.append(each)
        elif kept != before or labels_of(each) != labels:
            touched.append(_changed(each, kept, labels))
        else:
            unchanged.append(each)
    touched.sort(key=lambda s: len(s["endpoints"]), reverse=True)
    for each in touched:
        _fill(each, left, maximum)
    while left:
        roomy = [s for s in unchanged if len(s.get("endpoints") or []) + len(left) <= maximum]
        if roomy:
            fullest = max(roomy, key=lambda s: len(s.get("endpoints") or []))
            unchanged.remove(fullest)
            each = _changed(fullest, list(fullest.get("endpoints") or []), labels)
            touched.append(each)
        else:
            each = new_slice(group.ports)
            changes.create.append(each)
        _fill(each, left, maximum)
    changes.update += touched


def _kept(before: Objects, left: dict[EndpointKey, Obj]) -> Objects:
    """The slice's endpoints that are still wanted, as they are now; takes them out of `left`."""
    return [left.pop(k) for k in map(endpoint_key, before) if k in left]


def _fill(each: Obj, left: dict[EndpointKey, Obj], maximum: int) -> None:
    while left and len(each["endpoints"]) < maximum:
        each["endpoints"].append(left.pop(next(iter(left))))


def _changed(each: Obj, endpoints: Objects, labels: dict[str, str]) -> Obj:
    return {**with_metadata(each, labels=labels), "endpoints": endpoints}


def _keep_placeholder(changes: Changes, labels: dict[str, str], placeholder: Obj) -> None:
    for each in changes.delete:
        if not each.get("endpoints") and not each.get("ports") and labels_of(each) == labels:
            changes.delete.remove(each)
            return
    changes.create.append(placeholder)


def _reuse_deleted(changes: Changes) -> None:
    """A slice about to be deleted takes up the content of one about to be created: one write instead of two."""
    while changes.create and changes.delete:
        fresh, old = changes.create.pop(), changes.delete.pop(0)
        meta = {f: fresh["metadata"].get(f) for f in ("labels", "ownerReferences")}
        content = {f: fresh[f] for f in ("endpoints", "ports")}
        changes.update.append({**with_metadata(old, **meta), **content})
    changes.update.sort(key=name)
