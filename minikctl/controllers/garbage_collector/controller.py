"""The controller: a graph fed by informers of every kind, and the deletions that it calls for.

Nothing is deleted on a guess. An owner counts as gone when its deletion was seen, or when the server, asked directly,
has nothing of that name with that uid. The deletion of a dependent names the version it was decided on, so that one
that has been given another owner meanwhile is left alone and looked at again.

Source: Kubernetes `pkg/controller/garbagecollector`; concept "Garbage Collection".
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, name, namespace, owner_references, uid
from minikctl.client import DeleteOptions
from minikctl.client.informer import Handler, Informer
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.garbage_collector.decisions import Decision, Owner, decide
from minikctl.controllers.garbage_collector.graph import FOREGROUND, ORPHAN, Graph, Node, Work, uids

IGNORED = frozenset({"events", "events.events.k8s.io"})
"""Kinds that come and go in numbers and own nothing."""
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_MONITORS, _DELETE, _ORPHAN = "monitors", "delete", "orphan"
CONFLICT_TRIES = 5


class GarbageCollector(Controller):
    name = "generic-garbage-collector"

    def setup(self) -> None:
        self.graph = Graph()
        self.monitors: dict[str, Informer] = {}
        self._monitor_new_kinds()
        if DEFINITIONS in self.monitors:
            self.watch(DEFINITIONS, lambda obj: self.queue.add(_MONITORS, cause_of(obj)))

    def sync(self, object_key: str) -> float | None:
        what, _, of = object_key.partition("/")
        if what == _MONITORS:
            self._monitor_new_kinds()
            self.informers.start()
            return None
        node = self.graph.get(of)
        if node is None:
            return None
        if what == _ORPHAN:
            self._orphan_dependents(node)
        elif node.assumed:
            self._look_for(node)
        elif node.deleting_dependents:
            self._finish_foreground(node)
        elif not node.deleting and node.owners:
            self._judge(node)
        return None

    # ------------------------------------------------------------------ the picture

    def _monitor_new_kinds(self) -> None:
        """Follow every kind that can be listed, watched and deleted; twins with one storage only once."""
        stored = {i.kind.storage or i.kind.plural for i in self.monitors.values()}
        for kind in self.client.kinds():
            place = kind.storage or kind.plural
            able = {"list", "watch", "delete"} <= set(kind.verbs)
            if not able or kind.resource in IGNORED or kind.resource in self.monitors or place in stored:
                continue
            stored.add(place)
            informer = self.monitors[kind.resource] = self.informers.informer(kind.resource)
            informer.add_handler(self._handler(kind))

    def _handler(self, kind: Kind) -> Handler:
        def observe(obj: Obj) -> None:
            self._enqueue_work(self.graph.observe(kind, obj), obj)

        def update(old: Obj, new: Obj) -> None:
            if _ties(old) != _ties(new):
                observe(new)

        def forget(obj: Obj) -> None:
            self._enqueue_work(self.graph.forget(uid(obj)), obj)

        return Handler(observe, update, forget)

    def _enqueue_work(self, work: Work, because: Obj | None) -> None:
        cause = cause_of(because) if because is not None else None
        for of in work.delete:
            self.queue.add(f"{_DELETE}/{of}", cause)
        for of in work.orphan:
            self.queue.add(f"{_ORPHAN}/{of}", cause)

    def _cached(self, node: Node) -> Obj | None:
        """The node's object in the cache, when that is still the one that the graph means."""
        assert node.kind is not None
        obj = self.monitors[node.kind.resource].get(node.name, node.namespace)
        return obj if obj is not None and uid(obj) == node.uid else None

    # ------------------------------------------------------------------ owners

    def _look_for(self, node: Node) -> None:
        """Ask the server about an owner that no informer has shown."""
        if self._is_there(node.api_version, node.kind_name, node.name, node.namespace, node.uid):
            return  # it is late; seeing it will make it known
        self._enqueue_work(self.graph.forget(node.uid), None)

    def _is_there(self, api_version: str, kind_name: str, owner_name: str, in_namespace: str, owner_uid: str) -> bool:
        kind = self.client.kind_of(api_version, kind_name)
        if kind is None:  # perhaps its definition is being made, or is broken: no reason to delete anything
            raise ApiError(404, "NotFound", f'no matches for kind "{kind_name}" in version "{api_version}"')
        if kind.namespaced and not in_namespace:
            return True  # a cluster-scoped object cannot have such an owner: the reference is wrong, not the object
        try:
            found = self.client.get(kind, owner_name, in_namespace if kind.namespaced else "")
        except ApiError as e:
            if e.reason == "NotFound":
                return False
            raise
        return uid(found) == owner_uid

    def _owner_state(self, ref: Obj, of: Node) -> Owner:
        if self.graph.is_absent(ref["uid"]):
            return Owner.DANGLING
        owner = self.graph.get(ref["uid"])
        if owner is not None and not owner.assumed:
            if owner.namespace and owner.namespace != of.namespace:
                return self._misplaced(ref, of)
            return Owner.WAITING if owner.deleting_dependents else Owner.SOLID
        there = self._is_there(
            ref.get("apiVersion", ""), ref.get("kind", ""), ref.get("name", ""), of.namespace, ref["uid"]
        )
        return Owner.SOLID if there else Owner.DANGLING

    def _misplaced(self, ref: Obj, of: Node) -> Owner:
        """An owner in another namespace counts as absent; for a cluster-scoped dependent, as unknown. Both are told."""
        obj = self._cached(of)
        if obj is not None:
            what = f"{ref.get('apiVersion')}/{ref.get('kind')}, namespace: {of.namespace}, name: {ref.get('name')}"
            text = f'ownerRef [{what}, uid: {ref["uid"]}] does not exist in namespace "{of.namespace}"'
            self.recorder.warning(obj, "OwnerRefInvalidNamespace", text)
        return Owner.DANGLING if of.namespace else Owner.SOLID

    # ------------------------------------------------------------------ deleting

    def _judge(self, node: Node) -> None:
        obj = self._cached(node)
        if obj is None or node.kind is None:
            return
        dependents = self.graph.dependents(node.uid)
        decision = decide(
            owner_references(obj),
            lambda ref: self._owner_state(ref, node),
            obj["metadata"].get("finalizers") or (),
            bool(dependents),
            any(d.deleting_dependents for d in dependents),
        )
        self._carry_out(decision, node.kind, obj)

    def _carry_out(self, decision: Decision, kind: Kind, obj: Obj) -> None:
        if decision.drop:
            self._patch(kind, obj, ownerReferences=_without(owner_references(obj), decision.drop))
        if decision.unblock:
            free = [{**r, "blockOwnerDeletion": False} for r in owner_references(obj)]
            obj = self._patch(kind, obj, ownerReferences=free)
        if decision.delete:
            options = DeleteOptions(
                propagation=decision.delete, uid=uid(obj), resource_version=obj["metadata"]["resourceVersion"]
            )
            self.client.delete(kind, name(obj), namespace(obj), options=options)

    def _finish_foreground(self, node: Node) -> None:
        """Let an owner go when nothing holds it back any more; else see to those that do."""
        blocking = self.graph.blocking(node.uid)
        for dependent in blocking:
            if not dependent.deleting_dependents:
                self.queue.add(f"{_DELETE}/{dependent.uid}")
        obj = self._cached(node)
        if blocking or obj is None or node.kind is None:
            return
        self._remove_finalizer(node.kind, obj, FOREGROUND)

    def _orphan_dependents(self, node: Node) -> None:
        """Take the owner's references off its dependents, then let it go."""
        for dependent in self.graph.dependents(node.uid):
            if dependent.kind is not None:
                self._drop_reference(dependent.kind, dependent, node.uid)
        obj = self._cached(node)
        if obj is not None and node.kind is not None:
            self._remove_finalizer(node.kind, obj, ORPHAN)

    def _drop_reference(self, kind: Kind, dependent: Node, owner_uid: str) -> None:
        """On the object as it is now: it is likely to be changing, and its owner's other dependents wait."""
        for attempt in range(CONFLICT_TRIES):
            try:
                obj = self.client.get(kind, dependent.name, dependent.namespace)
                if uid(obj) == dependent.uid and owner_uid in uids(owner_references(obj)):
                    self._patch(kind, obj, ownerReferences=_without(owner_references(obj), {owner_uid}))
                return
            except ApiError as e:
                if e.reason == "NotFound":
                    return
                if e.reason != "Conflict" or attempt == CONFLICT_TRIES - 1:
                    raise

    def _remove_finalizer(self, kind: Kind, obj: Obj, finalizer: str) -> None:
        left = [f for f in obj["metadata"].get("finalizers") or [] if f != finalizer]
        self._patch(kind, obj, finalizers=left)

    def _patch(self, kind: Kind, obj: Obj, **metadata: list[str] | list[Obj]) -> Obj:
        """Change metadata of exactly this version."""
        change: Obj = {field: value or None for field, value in metadata.items()}
        change["resourceVersion"] = obj["metadata"]["resourceVersion"]
        return self.client.patch(kind, name(obj), {"metadata": change}, namespace(obj))


def _ties(obj: Obj) -> tuple[object, ...]:
    """The part of an object that the graph is made of."""
    meta = obj["metadata"]
    return meta.get("ownerReferences"), meta.get("finalizers"), meta.get("deletionTimestamp")


def _without(references: list[Obj], lost: frozenset[str] | set[str]) -> list[Obj]:
    return [r for r in references if r["uid"] not in lost]
