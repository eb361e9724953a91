"""Who owns whom, by uid: the garbage collector's picture of the cluster.

A node that is named as an owner and has not been seen itself is `assumed`: it may exist and be late, or be gone. Only a
look at the server can tell. Every change of the picture returns the work that it gives rise to. Thread-safe: informers
report from their thread while workers ask.

Source: Kubernetes `pkg/controller/garbagecollector/graph_builder.go`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, is_deleting, name, namespace, owner_references, uid

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_ABSENT_REMEMBERED = 10_000


@dataclass(slots=True, eq=False)
class Node:
    """One object. `kind` None: an owner of a kind that is not known (yet); then `api_version` and `kind_name` tell."""

    uid: str
    name: str
    namespace: str
    kind: Kind | None
    api_version: str = ""
    kind_name: str = ""
    owners: tuple[Obj, ...] = ()
    dependents: set[str] = field(default_factory=set)
    assumed: bool = False
    deleting: bool = False
    orphaning: bool = False
    """Being deleted, and its dependents are to stay."""
    deleting_dependents: bool = False
    """Being deleted, and waiting for its dependents to go first."""


@dataclass(slots=True)
class Work:
    """uids of nodes that may have to be deleted (or finished), and of those whose dependents have to be orphaned."""

    delete: list[str] = field(default_factory=list)
    orphan: list[str] = field(default_factory=list)


class Graph:
    """All nodes. Every method that changes something returns what is to be done about it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._nodes: dict[str, Node] = {}
        self._absent: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    # ------------------------------------------------------------------ asking

    def get(self, of: str) -> Node | None:
        return self._nodes.get(of)

    def is_absent(self, of: str) -> bool:
        """True for an object that is known to be gone: a uid never comes back."""
        with self._lock:
            return of in self._absent

    def dependents(self, of: str) -> list[Node]:
        with self._lock:
            node = self._nodes.get(of)
            found = [self._nodes.get(d) for d in node.dependents] if node else []
            return [n for n in found if n is not None]

    def blocking(self, of: str) -> list[Node]:
        """Dependents whose reference says that the owner must not go before them."""
        return [
            n for n in self.dependents(of) if any(r.get("uid") == of and r.get("blockOwnerDeletion") for r in n.owners)
        ]

    # ------------------------------------------------------------------ being told

    def observe(self, kind: Kind, obj: Obj) -> Work:
        """An object as it is now."""
        work = Work()
        with self._lock:
            node = self._nodes.get(uid(obj))
            if node is None:
                node = self._nodes[uid(obj)] = Node(uid(obj), name(obj), namespace(obj), kind)
            elif node.assumed:
                node.assumed, node.kind, node.name, node.namespace = False, kind, name(obj), namespace(obj)
                work.delete += [d.uid for d in self.dependents(node.uid) if _misplaced(node, d)]
            self._set_owners(node, tuple(owner_references(obj)), work)
            self._set_deletion(node, obj, work)
        return work

    def _set_owners(self, node: Node, owners: tuple[Obj, ...], work: Work) -> None:
        if node.owners == owners:
            return
        before = {r["uid"]: r for r in node.owners}
        after = {r["uid"]: r for r in owners}
        node.owners = owners
        for gone in before.keys() - after.keys():
            if (owner := self._nodes.get(gone)) is not None:
                owner.dependents.discard(node.uid)
        for new in after.keys() - before.keys():
            self._owner(after[new], node, work).dependents.add(node.uid)
        for owner_uid, ref in before.items():
            if ref.get("blockOwnerDeletion") and not after.get(owner_uid, {}).get("blockOwnerDeletion"):
                work.delete.append(owner_uid)  # it may have waited for this node alone
        if before or any(self.is_absent(o) for o in after):
            work.delete.append(node.uid)

    def _owner(self, ref: Obj, dependent: Node, work: Work) -> Node:
        """The node of an owner; assumed, and to be looked for, when it has not been seen."""
        owner = self._nodes.get(ref["uid"])
        if owner is None:
            owner = self._nodes[ref["uid"]] = Node(
                ref["uid"],
                ref.get("name", ""),
                dependent.namespace,
                None,
                ref.get("apiVersion", ""),
                ref.get("kind", ""),
                assumed=True,
            )
            work.delete.append(owner.uid)
        elif owner.deleting_dependents or _misplaced(owner, dependent):
            work.delete.append(dependent.uid)
        return owner

    def _set_deletion(self, node: Node, obj: Obj, work: Work) -> None:
        node.deleting = is_deleting(obj)
        finalizers = obj["metadata"].get("finalizers") or () if node.deleting else ()
        orphaning, waiting = ORPHAN in finalizers, FOREGROUND in finalizers
        if orphaning and not node.orphaning:
            work.orphan.append(node.uid)
        if waiting and not node.deleting_dependents:
            work.delete += [*node.dependents, node.uid]
        node.orphaning, node.deleting_dependents = orphaning, waiting

    def forget(self, of: str) -> Work:
        """An object that is gone: deleted, or an assumed one that was looked for in vain."""
        work = Work()
        with self._lock:
            self._absent[of] = None
            if len(self._absent) > _ABSENT_REMEMBERED:
                self._absent.popitem(last=False)
            node = self._nodes.pop(of, None)
            if node is None:
                return work
            work.delete += node.dependents
            for ref in node.owners:
                owner = self._nodes.get(ref["uid"])
                if owner is None:
                    continue
                owner.dependents.discard(of)
                if owner.deleting_dependents:
                    work.delete.append(owner.uid)
                elif owner.assumed and not owner.dependents:
                    del self._nodes[owner.uid]
        return work


def _misplaced(owner: Node, dependent: Node) -> bool:
    """An owner must be in the dependent's namespace, or in none."""
    return bool(owner.namespace) and owner.namespace != dependent.namespace


def uids(references: Iterable[Obj]) -> set[str]:
    return {r["uid"] for r in references}
