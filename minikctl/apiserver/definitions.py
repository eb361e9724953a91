"""CustomResourceDefinitions of this cluster: the kinds that they serve, and their names and conditions.

Every process reads the definitions from the store when its folder has changed, so a definition that is written by one
is served by all at once. Names are accepted with the write of the definition itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from minikctl.api.crd import naming
from minikctl.api.crd.versions import version_rank
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, condition_is, timestamp
from minikctl.apiserver.request import Context
from minikctl.store import Store, StoreError

if TYPE_CHECKING:
    from minikctl.api.crd.kinds import Convert
    from minikctl.apiserver.server import APIServer

RESOURCE = "customresourcedefinitions"
ACTOR = "kube-apiserver"
SETTLED = 50_000_000
"""Nanoseconds after which a folder's time of change is believed: two changes may carry the same one."""


class Definitions:
    """The kinds of a store's definitions. Kinds keep their identity until their definition changes."""

    def __init__(self, store: Store | None):
        self._store = store
        self._seen = -1
        self._made: dict[str, tuple[Any, list[Kind]]] = {}
        self._kinds: list[Kind] = []
        self.converter: Callable[[Obj], Convert] | None = None
        """How the objects of a definition are converted between its versions; None: they change nothing but their name."""

    def kinds(self) -> list[Kind]:
        """What is served now: by group and name, the preferred version first."""
        if self._store is None:
            return []
        changed = self._changed()
        if changed != self._seen:
            self._read()
            self._seen = changed if time.time_ns() - changed > SETTLED else -1
        return self._kinds

    def _changed(self) -> int:
        assert self._store is not None
        try:
            return (self._store.registry / RESOURCE).stat().st_mtime_ns
        except OSError:
            return 0

    def _read(self) -> None:
        """Read all definitions. What makes kinds of them is imported when there is one."""
        assert self._store is not None
        made: dict[str, tuple[Any, list[Kind]]] = {}
        for crd in self._store.glance(RESOURCE):
            try:
                if naming.is_established(crd):
                    made[crd["metadata"]["name"]] = self._entry(crd)
            except Exception:  # a damaged definition must not take all others away
                import logging  # costs every command, and is needed by next to none

                logging.getLogger("definitions").exception("%s cannot be served", crd["metadata"].get("name"))
        if made.keys() != self._made.keys() or any(made[n] is not self._made[n] for n in made):
            kinds = [k for _, group in made.values() for k in group]
            self._kinds = sorted(kinds, key=lambda k: (k.group, k.plural, version_rank(k.version)))
        self._made = made

    def _entry(self, crd: Obj) -> tuple[Any, list[Kind]]:
        """What the kinds depend on, and the kinds; those known already when nothing has changed."""
        from minikctl.api.crd.kinds import kinds_of, rename

        terminating = condition_is(crd, naming.TERMINATING)
        state = (crd["metadata"].get("uid"), crd["spec"], crd["status"].get("acceptedNames"), terminating)
        known = self._made.get(crd["metadata"]["name"])
        if known is not None and known[0] == state:
            return known
        return state, kinds_of(crd, self.converter(crd) if self.converter else rename)


class DefinitionHook:
    """Work around the writes of definitions: names and conditions follow at once."""

    def __init__(self, api: APIServer):
        self._api = api

    def before_create(self, _obj: Obj, _ctx: Context) -> Callable[[], None]:
        return lambda: None

    def before_update(self, _obj: Obj, _old: Obj, _ctx: Context) -> Callable[[bool], None]:
        return lambda _stored: None

    def after_write(self, obj: Obj, _ctx: Context) -> None:
        """Give the definition its names, and others those that it let go."""
        if self._accept(obj):
            self._accept_others(obj)

    def after_delete(self, obj: Obj, _ctx: Context) -> None:
        self._accept_others(obj)

    def _accept_others(self, obj: Obj) -> None:
        for other in self._all():
            if other["metadata"]["name"] != obj["metadata"]["name"] and other["spec"]["group"] == obj["spec"]["group"]:
                self._accept(other)

    def _accept(self, obj: Obj) -> bool:
        """Write the status that the names ask for; whether there was anything to write."""
        now = timestamp(self._api.clock.now())
        if naming.accept(obj, self._all(), now) == (obj.get("status") or {}):
            return False

        def change(old: Obj) -> Obj:
            return {**old, "status": naming.accept(old, self._all(), now)}

        because = int(obj["metadata"].get("resourceVersion") or 0) or None
        with suppress(ApiError, StoreError):  # gone or changed again meanwhile: that write does the same
            kind = self._api.kind(RESOURCE)
            self._api.write_raw(kind, "", obj["metadata"]["name"], change, Context(actor=ACTOR, because=because))
        return True

    def _all(self) -> list[Obj]:
        return self._api.store.glance(RESOURCE)
