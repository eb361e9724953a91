"""The interface of a Kubernetes API client, as everything above uses it.

Kinds are given as `Kind` or as a word (`pods`, `deployments.apps`). Namespaces are `""` for cluster-scoped kinds and,
when listing, for all namespaces. Objects are plain dicts; those that come from a cache must not be changed.
Every method raises `ApiError` for what the server refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.watch import Event, Sink, Stop


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write is to be done. field_validation: Strict, Warn, Ignore or `""` (the server's default)."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Seconds of grace (None: the kind's own); Background, Foreground, Orphan or `""`; preconditions."""

    grace_period: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


class Stream(Protocol):
    """A connection to a container: numbered channels, as Kubernetes' remote command protocol v5 has them.

    0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 terminal size. Of a port-forward: 0 to the port, 1 from it, 3 a
    Status that tells of failure; port 0 connects to none and lasts as long as ports can be forwarded. `recv` blocks; None is the end.
    """

    def send(self, channel: int, data: bytes) -> None: ...

    def close_channel(self, channel: int) -> None: ...

    def recv(self) -> tuple[int, bytes] | None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Client(Protocol):
    """A connection to one cluster as one user."""

    def for_actor(self, actor: str) -> Client:
        """The same connection; writes are noted under another component's name."""
        ...

    def kind(self, word: str) -> Kind | None:
        """The kind that a word means, None when the server has none."""
        ...

    def kind_of(self, api_version: str, kind: str) -> Kind | None:
        """The kind of a manifest."""
        ...

    def kinds(self) -> list[Kind]:
        """Everything the server has, in discovery order."""
        ...

    def get(self, kind: Kind | str, name: str, namespace: str = "", *, subresource: str = "") -> Obj: ...

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
        """A list object: `items`, and `metadata.resourceVersion` to watch from."""
        ...

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
        """The server's table of one object (`name`) or of a list; rows carry the object as `include` says."""
        ...

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
        """Changes after a resourceVersion, until `timeout` seconds are over; ends, too, when the generator is closed.

        Without a timeout it ends with the server, as the one on files does with the cluster that ran at its beginning.
        With `include` (as for `table`) every event's object is a Table of one row.
        """
        ...

    def reflect(
        self, kind: Kind | str, sink: Sink, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Stop:
        """Keep `sink` up to date from another thread until the returned function is called."""
        ...

    def create(
        self,
        kind: Kind | str,
        obj: Obj,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        options: WriteOptions = WriteOptions(),
    ) -> Obj: ...

    def update(
        self, kind: Kind | str, obj: Obj, *, subresource: str = "", options: WriteOptions = WriteOptions()
    ) -> Obj:
        """Replace an object (name and namespace from its metadata). With a resourceVersion in it: that one or Conflict."""
        ...

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
        """patch_type: json, merge, strategic, apply. `patch` is data, or JSON text."""
        ...

    def delete(
        self, kind: Kind | str, name: str, namespace: str = "", *, options: DeleteOptions = DeleteOptions()
    ) -> Obj:
        """The object when it is still there (finalizers, grace), a Status when it is gone."""
        ...

    def logs(self, name: str, namespace: str, options: Mapping[str, Any]) -> Iterator[bytes]:
        """Chunks of a container's log; options as in PodLogOptions (container, follow, tailLines, …)."""
        ...

    def connect(
        self, kind: Kind | str, name: str, namespace: str, subresource: str, options: Mapping[str, Any]
    ) -> Stream:
        """Open exec, attach or portforward; options as in PodExecOptions and its like."""
        ...

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
        """What was written to an object and everything connected with it, oldest first, as `apiserver/history.py` says.

        Only changes after a resourceVersion, when one is given. With `follow`, it goes on as more is written, for
        `timeout` seconds or until the generator is closed.
        """
        ...

    def raw(self, path: str) -> bytes:
        """GET of any path (`/healthz`, `/version`)."""
        ...

    def version(self) -> Obj:
        """The server's version.Info."""
        ...

    def on_warning(self, handler: Callable[[str], None]) -> None:
        """Have the server's warnings delivered."""
        ...
