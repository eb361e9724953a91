"""ControllerRevisions: what a StatefulSet or DaemonSet has run so far, each template once, numbered by its last use.

A revision holds a strategic merge patch that replaces the template (kubectl's `rollout undo` applies it), is named after
the template's hash, and is never changed but for its number: going back to a template gives its revision the next one.
Source: Kubernetes `pkg/controller/history`.
"""

from __future__ import annotations

from collections.abc import Collection

from minikctl.api.errors import ApiError
from minikctl.api.hashing import object_hash
from minikctl.api.kind import Kind
from minikctl.api.meta import (
    Obj,
    Objects,
    annotations_of,
    is_controlled_by,
    labels_of,
    name,
    namespace,
    owner_reference,
    uid,
    with_metadata,
)
from minikctl.api.selectors import Selector
from minikctl.client import Client
from minikctl.client.informer import Informer
from minikctl.controllers.common import ownership

HASH_LABEL = "controller-revision-hash"
"""On pods: which revision they are of."""


def data_of(owner: Obj) -> Obj:
    """The patch that brings another version of the owner back to this one's template."""
    return {"spec": {"template": {**owner["spec"].get("template", {}), "$patch": "replace"}}}


def number_of(revision: Obj) -> int:
    return int(revision.get("revision") or 0)


def new_revision(owner: Obj, number: int, collisions: int, label: str) -> Obj:
    """The revision of the owner's present template. label: what carries its hash."""
    data = data_of(owner)
    hash_ = object_hash(data, collisions.to_bytes(8, "little")) if collisions else object_hash(data)
    metadata: Obj = {
        "name": f"{name(owner)[: 252 - len(hash_)]}-{hash_}",
        "namespace": namespace(owner),
        "labels": {**labels_of(owner["spec"].get("template", {})), label: hash_},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations_of(owner):
        metadata["annotations"] = dict(annotations_of(owner))
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": data,
        "revision": number,
    }


def in_order(revisions: Objects) -> Objects:
    """The oldest first."""
    return sorted(revisions, key=lambda r: (number_of(r), r["metadata"].get("creationTimestamp") or "", name(r)))


def surplus(revisions: Objects, live: Collection[str], limit: int | None) -> Objects:
    """Those to delete: the oldest that nobody uses, but for the newest `limit` of them. live: names in use."""
    if limit is None or limit < 0:
        return []
    unused = [r for r in in_order(revisions) if name(r) not in live]
    return unused[: max(len(unused) - limit, 0)]


class History:
    """The revisions of the owners of one kind, through one controller's client."""

    def __init__(self, client: Client, informer: Informer, owner_kind: Kind, label: str):
        self._client, self._informer, self._owner_kind, self._label = client, informer, owner_kind, label
        ownership.index(informer)

    def of(self, owner: Obj, selector: Selector) -> Objects:
        """Its revisions, the oldest first; orphans are adopted."""
        mine = ownership.owned(self._informer, uid(owner))
        orphans = ownership.orphans(self._informer, namespace(owner))
        claims = ownership.RefManager(self._client, self._owner_kind, owner, self._informer.kind, selector)
        return in_order(claims.claim(mine + orphans))

    def current(self, owner: Obj, known: Objects, collisions: int) -> tuple[Obj, int]:
        """(the revision of the present template, created or renumbered if need be; collisionCount)."""
        number = number_of(known[-1]) + 1 if known else 1
        wanted = new_revision(owner, number, collisions, self._label)
        equal = [r for r in known if r.get("data") == wanted["data"]]
        if not equal:
            return self._create(owner, wanted, collisions)
        latest = equal[-1]
        if number_of(latest) == number - 1:
            return latest, collisions
        annotations = {**annotations_of(latest), **annotations_of(owner)}
        renumbered = {**with_metadata(latest, annotations=annotations or None), "revision": number}
        return self._client.update(self._informer.kind, renumbered), collisions

    def _create(self, owner: Obj, wanted: Obj, collisions: int) -> tuple[Obj, int]:
        while True:
            try:
                return self._client.create(self._informer.kind, wanted, namespace(owner)), collisions
            except ApiError as e:
                if e.reason != "AlreadyExists":
                    raise
            present = self._client.get(self._informer.kind, name(wanted), namespace(owner))
            if is_controlled_by(present, owner) and present.get("data") == wanted["data"]:
                return present, collisions  # the cache is behind
            collisions += 1
            wanted = new_revision(owner, wanted["revision"], collisions, self._label)

    def trim(self, known: Objects, live: Collection[str], limit: int | None) -> None:
        """Forget old revisions. Raises ApiError."""
        for revision in surplus(known, live, limit):
            try:
                self._client.delete(self._informer.kind, name(revision), namespace(revision))
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
