"""The client without a wire: the API server as a library in this very process, on the files of the state directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError, no_such_resource
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.watch import Event, Sink, Stop
from minikctl.apiserver import request as server
from minikctl.apiserver.registry import storage_key
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.table import table
from minikctl.client.cause import because
from minikctl.client.protocol import DeleteOptions, Stream, WriteOptions
from minikctl.client.state_dir import SUPERVISOR, load
from minikctl.store import Compacted, Notifier, Store
from minikctl.util.clock import Clock

LOOK_SECONDS = 1.0
STOPPED = "the cluster has stopped, and this watch with it"


class LocalClient:
    """A `Client` on an `APIServer`. `for_actor` gives the same connection under another name."""

    def __init__(self, api: APIServer, *, actor: str = "minikctl", user: server.User = server.ADMIN):
        self.api = api
        self.actor = actor
        self.user = user
        self._warned: Callable[[str], None] = lambda _text: None
        self._hub: Any = _SharedHub(api)

    @classmethod
    def open(
        cls,
        state_dir: str | Path,
        *,
        actor: str,
        fsync: bool | None = None,
        clock: Clock | None = None,
        create: bool = True,
    ) -> LocalClient:
        """On a state directory, for a process that lives on: with a notifier for its watches.

        fsync None: as the cluster is set. create False: the directory must be there.
        """
        store = Store(state_dir, fsync=_fsync(state_dir, fsync), clock=clock, create=create)
        store.current_rv()
        notifier = Notifier(store.journal_dir).start()
        return cls(APIServer(store, notifier=notifier, clock=clock), actor=actor, user=server.component(actor))

    @classmethod
    def on_files(
        cls,
        state_dir: str | Path,
        *,
        actor: str,
        user: server.User = server.ADMIN,
        fsync: bool | None = None,
        clock: Clock | None = None,
    ) -> LocalClient:
        """The same for a moment: no thread, watches poll."""
        store = Store(state_dir, fsync=_fsync(state_dir, fsync), clock=clock)
        return cls(APIServer(store, clock=clock), actor=actor, user=user)

    def for_actor(self, actor: str) -> LocalClient:
        """The same connection; writes are noted under another name."""
        other = copy(self)
        other.actor, other.user = actor, server.component(actor)
        return other

    def lead_by(self, lease: str, identity: str, namespace: str = "kube-system") -> None:
        """From now on this process writes only as long as `identity` holds the Lease; ApiError otherwise.

        That is asked while nobody else can write, so a leader that was stopped for a while and does not know yet that
        another one has taken over cannot write once more.
        """
        store, key = self.api.store, storage_key(self._kind("leases"), namespace, lease)

        def check() -> None:
            holder = ((store.get(key) or {}).get("spec") or {}).get("holderIdentity")
            if holder != identity:
                raise ApiError(503, "ServiceUnavailable", f"{identity} does not hold the lease {namespace}/{lease}")

        store.fence = check

    def close(self) -> None:
        self._hub.close()
        if self.api.notifier is not None:
            self.api.notifier.stop()
        self.api.store.close()

    # ------------------------------------------------------------------ kinds

    def kind(self, word: str) -> Kind | None:
        return self.api.resources.find(word)

    def kind_of(self, api_version: str, kind: str) -> Kind | None:
        group, slash, version = api_version.rpartition("/")
        return self.api.resources.by_gvk(group if slash else "", version, kind)

    def kinds(self) -> list[Kind]:
        return self.api.resources.all()

    def _kind(self, kind: Kind | str) -> Kind:
        if isinstance(kind, Kind):
            return kind
        found = self.kind(kind)
        if found is None:
            raise no_such_resource()
        return found

    # ------------------------------------------------------------------ reading

    def get(self, kind: Kind | str, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        with self._request() as ctx:
            return self.api.get(self._kind(kind), namespace, name, ctx, subresource)

    def list(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Obj:
        selection = self.api.selection(self._kind(kind), namespace, label_selector, field_selector)
        with self._request() as ctx:
            return self.api.list(selection, ctx)

    def table(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        name: str = "",
        label_selector: str = "",
        field_selector: str = "",
        include: str = "Metadata",
        limit: int = 0,
        continue_token: str = "",
    ) -> Obj:
        kind = self._kind(kind)
        if name:
            objects = [self.get(kind, name, namespace)]
            meta: Obj = {"resourceVersion": objects[0]["metadata"].get("resourceVersion", "")}
        else:
            listing = self.list(kind, namespace, label_selector=label_selector, field_selector=field_selector)
            objects, meta = listing["items"], listing["metadata"]
        return table(kind, objects, self.api.clock.now(), meta, include)

    def watch(
        self,
        kind: Kind | str,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
        include: str = "",
    ) -> Iterator[Event]:
        kind = self._kind(kind)
        selection = self.api.selection(kind, namespace, label_selector, field_selector)
        with self._request() as ctx:
            stream = self.api.watch(selection, resource_version, ctx)
        if timeout is None:
            events = _until(stream, self._cluster_end(), lambda: self._warned(STOPPED))
        else:
            events = _events(stream, time.monotonic() + timeout)
        return _tables(events, kind, include, self.api.clock) if include else events

    def _cluster_end(self) -> Callable[[], bool]:
        """Whether the cluster that is running now has ended since; never, when none is running."""
        from minikctl.util import processes

        now = processes.read(self.api.store.root / SUPERVISOR)
        if now is None or not now.alive:
            return lambda: False
        return lambda: not now.alive

    def reflect(
        self, kind: Kind | str, sink: Sink, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Stop:
        selection = self.api.selection(self._kind(kind), namespace, label_selector, field_selector)
        stop: Stop = self._hub.get().subscribe(selection, sink)
        return stop

    # ------------------------------------------------------------------ writing

    def create(
        self,
        kind: Kind | str,
        obj: Obj,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        options: WriteOptions = WriteOptions(),
    ) -> Obj:
        kind = self._kind(kind)
        namespace = namespace or obj.get("metadata", {}).get("namespace", "")
        with self._request(options) as ctx:
            return self.api.create(kind, namespace, obj, ctx, name, subresource)

    def update(
        self, kind: Kind | str, obj: Obj, *, subresource: str = "", options: WriteOptions = WriteOptions()
    ) -> Obj:
        meta = obj["metadata"]
        with self._request(options) as ctx:
            return self.api.update(self._kind(kind), meta.get("namespace", ""), meta["name"], obj, ctx, subresource)

    def patch(
        self,
        kind: Kind | str,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        patch_type: str = "merge",
        subresource: str = "",
        options: WriteOptions = WriteOptions(),
    ) -> Obj:
        with self._request(options) as ctx:
            return self.api.patch(self._kind(kind), namespace, name, patch_type, patch, ctx, subresource)

    def delete(
        self, kind: Kind | str, name: str, namespace: str = "", *, options: DeleteOptions = DeleteOptions()
    ) -> Obj:
        kind = self._kind(kind)
        wanted = server.DeleteOptions(options.grace_period, options.propagation, options.uid, options.resource_version)
        with self._request(WriteOptions(dry_run=options.dry_run)) as ctx:
            obj, is_gone = self.api.delete(kind, namespace, name, wanted, ctx)
        if not is_gone:
            return obj
        details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"].get("uid", "")}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {k: v for k, v in details.items() if v},
        }

    # ------------------------------------------------------------------ containers

    def logs(self, name: str, namespace: str, options: Mapping[str, Any]) -> Iterator[bytes]:
        from minikctl.apiserver import kubelet_client

        return kubelet_client.logs(self.api, namespace, name, options)

    def connect(
        self, kind: Kind | str, name: str, namespace: str, subresource: str, options: Mapping[str, Any]
    ) -> Stream:
        from minikctl.apiserver import admission, kubelet_client

        with self._request() as ctx:
            admission.connect(self.api, self._kind(kind), namespace, name, subresource, options, ctx)
        return kubelet_client.connect(self.api, namespace, name, subresource, options)

    # ------------------------------------------------------------------ the rest

    def history(
        self,
        kind: Kind | str,
        name: str,
        namespace: str = "",
        *,
        after: str = "",
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[Obj]:
        from minikctl.apiserver.history import History

        history = History(self.api, self._kind(kind), namespace, name)
        return _told(history, after, follow, None if timeout is None else time.monotonic() + timeout)

    def raw(self, path: str) -> bytes:
        if path in ("/healthz", "/livez", "/readyz"):
            return b"ok"
        from minikctl.client import in_process

        return in_process.get(self.api, self.user, path)

    def version(self) -> Obj:
        from minikctl.apiserver.version import version_info

        return version_info()

    def on_warning(self, handler: Callable[[str], None]) -> None:
        self._warned = handler

    def _request(self, options: WriteOptions = WriteOptions()) -> _Request:
        return _Request(
            server.Context(
                user=self.user,
                actor=options.field_manager or self.actor,
                agent="kubectl" if self.actor.startswith("kubectl-") else "",
                because=because(),
                dry_run=options.dry_run,
                field_manager=options.field_manager,
                field_validation=options.field_validation or "Warn",
                force=options.force,
            ),
            self._warned,
        )


class _Request:
    """A context whose warnings are delivered when the request is over, whether it succeeded or not."""

    def __init__(self, context: server.Context, warned: Callable[[str], None]):
        self._context, self._warned = context, warned

    def __enter__(self) -> server.Context:
        return self._context

    def __exit__(self, *_exc: object) -> None:
        for text in self._context.warnings:
            self._warned(text)


class _SharedHub:
    """The process's journal hub, made when the first reflector asks."""

    def __init__(self, api: APIServer):
        self._api = api
        self._hub: Any = None

    def get(self) -> Any:
        if self._hub is None:
            from minikctl.apiserver.hub import JournalHub

            self._hub = JournalHub(self._api)
        return self._hub

    def close(self) -> None:
        if self._hub is not None:
            self._hub.stop()


def _tables(events: Iterator[Event], kind: Kind, include: str, clock: Clock) -> Iterator[Event]:
    try:
        for event in events:
            obj = event.object
            if event.type != "ERROR":
                version = {"resourceVersion": obj.get("metadata", {}).get("resourceVersion", "")}
                obj = table(kind, [obj], clock.now(), version, include)
            yield Event(event.type, obj)
    finally:
        events.close()  # type: ignore[attr-defined]


def _fsync(state_dir: str | Path, wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    cluster = load(Path(state_dir))
    return cluster is not None and cluster.fsync


def _told(history: Any, after: str, follow: bool, deadline: float | None) -> Iterator[Obj]:
    least = int(after or 0)
    yield from (c for c in history.changes() if int(c["resourceVersion"]) > least)
    if follow:
        yield from history.follow(deadline)


def _events(stream: Any, deadline: float) -> Iterator[Event]:
    try:
        while (left := deadline - time.monotonic()) > 0:
            yield from _next(stream, left)
    finally:
        stream.close()


def _until(stream: Any, ended: Callable[[], bool], tell: Callable[[], None]) -> Iterator[Event]:
    """The events up to the end of the cluster: its server would take its watches along."""
    try:
        while True:
            over = ended()
            found = _next(stream, 0.0 if over else LOOK_SECONDS)
            yield from found
            if over and not found:
                tell()
                return
    finally:
        stream.close()


def _next(stream: Any, seconds: float) -> list[Event]:
    try:
        found: list[Event] = stream.next(seconds)
        return found
    except Compacted as e:
        raise ApiError(410, "Expired", str(e)) from None
