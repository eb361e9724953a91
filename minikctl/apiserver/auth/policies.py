"""Where roles and bindings come from: the store, read anew for each question, or a cache that follows the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from minikctl.api.meta import Obj, Objects, key, name, namespace
from minikctl.apiserver.auth import rbac
from minikctl.apiserver.hub import JournalHub
from minikctl.apiserver.registry import storage_prefix
from minikctl.apiserver.server import APIServer
from minikctl.store import DELETED, Record

ROLES, CLUSTER_ROLES = "roles", "clusterroles"
BINDINGS, CLUSTER_BINDINGS = "rolebindings", "clusterrolebindings"
Keys = set[tuple[str, str]]


class Policies(Protocol):
    """What there is of RBAC, as of now."""

    def role(self, namespace: str, name: str) -> Obj | None:
        """A Role, or, without a namespace, a ClusterRole."""
        ...

    def bindings(self, namespace: str, keys: Keys) -> Iterable[Obj]:
        """The RoleBindings of a namespace, or, without one, the ClusterRoleBindings; at least those about `keys`."""
        ...


class Reader(Protocol):
    """What reads stored objects: an APIServer, or what admission plugins are given."""

    def read(self, resource: str, namespace: str, name: str) -> Obj | None: ...

    def read_all(self, resource: str, namespace: str = "") -> Objects: ...


class StoredPolicies:
    """Reads files: for commands, which ask a few times and end, and for what is asked rarely."""

    def __init__(self, api: Reader):
        self._api = api

    def role(self, namespace: str, name: str) -> Obj | None:
        return self._api.read(ROLES if namespace else CLUSTER_ROLES, namespace, name)

    def bindings(self, namespace: str, keys: Keys) -> Objects:
        return self._api.read_all(BINDINGS if namespace else CLUSTER_BINDINGS, namespace)


class CachedPolicies:
    """Follows the journal; every question is answered as of the last write. Thread-safe."""

    def __init__(self, api: APIServer, hub: JournalHub):
        self._hub = hub
        self._roles = [_Objects(storage_prefix(api.kind(w))) for w in (CLUSTER_ROLES, ROLES)]
        self._bindings = [_Bindings(storage_prefix(api.kind(w))) for w in (CLUSTER_BINDINGS, BINDINGS)]
        for listener in (*self._roles, *self._bindings):
            hub.attach(listener)

    def role(self, namespace: str, name: str) -> Obj | None:
        with self._hub.lock:
            self._hub.catch_up()
            return self._roles[bool(namespace)].objects.get(f"{namespace}/{name}" if namespace else name)

    def bindings(self, namespace: str, keys: Keys) -> Objects:
        with self._hub.lock:
            self._hub.catch_up()
            return self._bindings[bool(namespace)].about(namespace, keys)


class _Objects:
    """The objects of one kind by key; a `Listener` of the journal hub."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.objects: dict[str, Obj] = {}

    def fill(self, api: APIServer) -> None:
        for old in list(self.objects.values()):
            self._remove(old)
        for obj in api.store.list(self.prefix).items:
            self._put(obj)

    def offer(self, record: Record) -> None:
        known = self.objects.get(key(record.object))
        if known is not None and int(known["metadata"]["resourceVersion"]) >= record.rv:
            return  # the listing was ahead of the journal here
        if known is not None:
            self._remove(known)
        if record.type != DELETED:
            self._put(record.object)

    def flush(self) -> None:
        return None

    def _put(self, obj: Obj) -> None:
        self.objects[key(obj)] = obj

    def _remove(self, obj: Obj) -> None:
        self.objects.pop(key(obj), None)


class _Bindings(_Objects):
    """Bindings, also by whom they are about."""

    def __init__(self, prefix: str):
        super().__init__(prefix)
        self._by_subject: dict[tuple[str, str, str], dict[str, Obj]] = {}

    def about(self, where: str, keys: Keys) -> Objects:
        """The bindings of a namespace that are about one of `keys`, by name."""
        found: dict[str, Obj] = {}
        for kind, called in keys:
            found |= self._by_subject.get((where, kind, called), {})
        return [found[n] for n in sorted(found)]

    def _put(self, obj: Obj) -> None:
        super()._put(obj)
        for place in self._places(obj):
            self._by_subject.setdefault(place, {})[name(obj)] = obj

    def _remove(self, obj: Obj) -> None:
        super()._remove(obj)
        for place in self._places(obj):
            members = self._by_subject.get(place, {})
            members.pop(name(obj), None)
            if not members:
                self._by_subject.pop(place, None)

    @staticmethod
    def _places(obj: Obj) -> set[tuple[str, str, str]]:
        where = namespace(obj)
        return {(where, *rbac.subject_key(s, where)) for s in obj.get("subjects") or []}
