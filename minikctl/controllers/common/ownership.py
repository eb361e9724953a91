"""Which objects belong to a controller: finding them, adopting orphans, releasing what no longer matches.

The controlling owner reference decides; the selector only says what may be adopted and what must be released. An
object of another owner is never touched. Source: Kubernetes `pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from minikctl.api.errors import ApiError, conflict
from minikctl.api.kind import Kind
from minikctl.api.meta import (
    Obj,
    Objects,
    controller_of,
    is_deleting,
    labels_of,
    name,
    namespace,
    owner_reference,
    owner_references,
    uid,
)
from minikctl.api.selectors import NOTHING, Selector, SelectorError, from_label_selector
from minikctl.client import Client
from minikctl.client.informer import Informer

INDEX = "controller"


def by_controller(obj: Obj) -> Iterable[str]:
    """Index function: the controlling owner's uid, or `orphan/<namespace>` when nobody controls the object."""
    ref = controller_of(obj)
    return [ref["uid"] if ref else f"orphan/{namespace(obj)}"]


def index(informer: Informer) -> None:
    """Have the informer answer `owned` and `orphans`."""
    informer.add_indexer(INDEX, by_controller)


def owned(informer: Informer, owner_uid: str) -> Objects:
    return informer.by_index(INDEX, owner_uid)


def orphans(informer: Informer, in_namespace: str) -> Objects:
    return informer.by_index(INDEX, f"orphan/{in_namespace}")


def selector_of(owner: Obj) -> Selector:
    """The label selector of a workload; one that cannot be read, or is empty, selects nothing."""
    try:
        selector = from_label_selector(owner.get("spec", {}).get("selector"))
    except SelectorError:
        return NOTHING
    return selector or NOTHING


def owner_in(informer: Informer, obj: Obj) -> Obj | None:
    """The cached owner that controls the object, by uid: a new owner of the same name is another one."""
    ref = controller_of(obj)
    if ref is None or ref.get("kind") != informer.kind.kind:
        return None
    owner = informer.get(ref["name"], namespace(obj))
    return owner if owner is not None and uid(owner) == ref.get("uid") else None


def would_adopt(owners: Objects, orphan: Obj) -> Objects:
    """Those of the owners that an orphan's labels match."""
    labels = labels_of(orphan)
    return [o for o in owners if selector_of(o).matches(labels)]


class Claim(Enum):
    """What an owner has to do about an object."""

    KEEP = "keep"
    ADOPT = "adopt"
    RELEASE = "release"
    IGNORE = "ignore"


def classify(owner: Obj, obj: Obj, matches: bool) -> Claim:
    """`matches`: whether the owner's selector selects the object."""
    ref = controller_of(obj)
    if ref is not None:
        if ref.get("uid") != uid(owner):
            return Claim.IGNORE
        if matches:
            return Claim.KEEP
        return Claim.IGNORE if is_deleting(owner) else Claim.RELEASE
    if is_deleting(owner) or not matches or is_deleting(obj) or namespace(owner) != namespace(obj):
        return Claim.IGNORE
    return Claim.ADOPT


class RefManager:
    """Claims objects of one kind for one owner, within one sync."""

    def __init__(
        self, client: Client, owner_kind: Kind, owner: Obj, kind: Kind, selector: Selector, finalizer: str = ""
    ):
        """finalizer: what an object carries for as long as it is claimed."""
        self._client, self._owner_kind, self._owner, self._kind = client, owner_kind, owner, kind
        self._selector, self._finalizer = selector, finalizer
        self._may_adopt = False

    def claim(self, candidates: Objects) -> Objects:
        """Those that belong to the owner now. Adopts and releases on the way.

        Raises the first ApiError met, when every candidate has been looked at.
        """
        claimed: Objects = []
        failed: ApiError | None = None
        for obj in candidates:
            decision = classify(self._owner, obj, self._selector.matches(labels_of(obj)))
            try:
                if decision is Claim.KEEP:
                    claimed.append(obj)
                elif decision is Claim.ADOPT:
                    claimed.append(self._adopt(obj))
                elif decision is Claim.RELEASE:
                    self._release(obj)
            except ApiError as e:
                if e.reason != "NotFound":
                    failed = failed or e
        if failed:
            raise failed
        return claimed

    def _adopt(self, obj: Obj) -> Obj:
        self._check_may_adopt(obj)
        return self._write(obj, [*owner_references(obj), owner_reference(self._owner)], claimed=True)

    def _release(self, obj: Obj) -> None:
        self._write(obj, [r for r in owner_references(obj) if r.get("uid") != uid(self._owner)])

    def _write(self, obj: Obj, references: list[Obj], *, claimed: bool = False) -> Obj:
        """The version in the patch makes it fail when the object has changed since."""
        version = obj["metadata"]["resourceVersion"]
        metadata: Obj = {"resourceVersion": version, "ownerReferences": references or None}
        if self._finalizer:
            others = [f for f in obj["metadata"].get("finalizers") or [] if f != self._finalizer]
            metadata["finalizers"] = [*others, self._finalizer] if claimed else others or None
        return self._client.patch(self._kind, name(obj), {"metadata": metadata}, namespace(obj))

    def _check_may_adopt(self, obj: Obj) -> None:
        """Ask the server, not the cache, whether the owner still lives: what a dead owner adopts is deleted next."""
        if self._may_adopt:
            return
        kind, owner = self._owner_kind, self._owner
        fresh = self._client.get(kind, name(owner), namespace(owner))
        where = f"{namespace(owner)}/{name(owner)}"
        why = ""
        if uid(fresh) != uid(owner):
            why = f"original {kind.kind} {where} is gone: got uid {uid(fresh)}, wanted {uid(owner)}"
        elif is_deleting(fresh):
            why = f"{where} has just been deleted at {fresh['metadata']['deletionTimestamp']}"
        if why:
            what = f"can't adopt {self._kind.kind} {namespace(obj)}/{name(obj)} ({uid(obj)}): {why}"
            raise conflict(kind.plural, kind.group, name(owner), what)
        self._may_adopt = True
