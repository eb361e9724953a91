"""The client on the files for somebody who is not the administrator: what HTTP would refuse, this refuses, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.watch import Event, Sink, Stop
from minikctl.apiserver.auth.rbac import Action
from minikctl.client.local import LocalClient
from minikctl.client.protocol import DeleteOptions, Stream, WriteOptions


class AuthorizedClient(LocalClient):
    """A `LocalClient` whose every request must be allowed to its user. Raises ApiError Forbidden."""

    def for_actor(self, actor: str) -> LocalClient:
        """The same user still: only the writer's name changes."""
        other = copy(self)
        other.actor = actor
        return other

    def _require(
        self, verb: str, kind: Kind | str, namespace: str, name: str = "", subresource: str = "", node: str = ""
    ) -> None:
        kind = self._kind(kind)
        where = name if kind.plural == "namespaces" and not kind.group else namespace if kind.namespaced else ""
        self.api.authorizer.require(
            self.user, Action(verb, kind.group, kind.plural, subresource, where, name, node=node)
        )

    # ------------------------------------------------------------------ reading

    def get(self, kind: Kind | str, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        self._require("get", kind, namespace, name, subresource)
        return super().get(kind, name, namespace, subresource=subresource)

    def list(self, kind: Kind | str, namespace: str = "", **options: Any) -> Obj:
        self._require("list", kind, namespace, _exact(options, "metadata.name"), node=_exact(options, "spec.nodeName"))
        return super().list(kind, namespace, **options)

    def watch(self, kind: Kind | str, namespace: str = "", **options: Any) -> Iterator[Event]:
        self._require("watch", kind, namespace, _exact(options, "metadata.name"), node=_exact(options, "spec.nodeName"))
        return super().watch(kind, namespace, **options)

    def reflect(self, kind: Kind | str, sink: Sink, namespace: str = "", **options: Any) -> Stop:
        self._require("list", kind, namespace)
        self._require("watch", kind, namespace)
        return super().reflect(kind, sink, namespace, **options)

    def history(self, kind: Kind | str, name: str, namespace: str = "", **options: Any) -> Iterator[Obj]:
        self._require("get", kind, namespace, name)
        return super().history(kind, name, namespace, **options)

    def raw(self, path: str) -> bytes:
        self.api.authorizer.require(self.user, Action("get", path=path))
        return super().raw(path)

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
        where = namespace or obj.get("metadata", {}).get("namespace", "")
        self._require("create", kind, where, name, subresource)
        return super().create(kind, obj, namespace, name=name, subresource=subresource, options=options)

    def update(
        self, kind: Kind | str, obj: Obj, *, subresource: str = "", options: WriteOptions = WriteOptions()
    ) -> Obj:
        kind, meta = self._kind(kind), obj["metadata"]
        where = meta.get("namespace", "")
        self._require("update", kind, where, meta["name"], subresource)
        if kind.allow_create_on_update:
            self._require_create_of_missing(kind, where, meta["name"], subresource)
        return super().update(kind, obj, subresource=subresource, options=options)

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
        self._require("patch", kind, namespace, name, subresource)
        if patch_type == "apply":
            self._require_create_of_missing(self._kind(kind), namespace, name, subresource)
        return super().patch(
            kind, name, patch, namespace, patch_type=patch_type, subresource=subresource, options=options
        )

    def _require_create_of_missing(self, kind: Kind, namespace: str, name: str, subresource: str) -> None:
        """What may make an object asks for the right to."""
        if not subresource and self.api.registry.find(kind.stored, namespace, name) is None:
            self._require("create", kind, namespace, name)

    def delete(
        self, kind: Kind | str, name: str, namespace: str = "", *, options: DeleteOptions = DeleteOptions()
    ) -> Obj:
        self._require("delete", kind, namespace, name)
        return super().delete(kind, name, namespace, options=options)

    # ------------------------------------------------------------------ containers

    def logs(self, name: str, namespace: str, options: Mapping[str, Any]) -> Iterator[bytes]:
        self._require("get", "pods", namespace, name, "log")
        return super().logs(name, namespace, options)

    def connect(
        self, kind: Kind | str, name: str, namespace: str, subresource: str, options: Mapping[str, Any]
    ) -> Stream:
        self._require("create", kind, namespace, name, subresource)
        return super().connect(kind, name, namespace, subresource, options)


def _exact(options: Mapping[str, Any], field: str) -> str:
    """The one value of a field that is selected: rules with names hold for a name, those of kubelets for their node."""
    from minikctl.api.selectors import SelectorError, parse_field_selector

    try:
        return parse_field_selector(options.get("field_selector") or "").exact(field) or ""
    except SelectorError:
        return ""


def acting_as(
    client: LocalClient, user: str, groups: list[str], uid: str, extra: Mapping[str, list[str]]
) -> LocalClient:
    """The same connection as somebody else, as the Impersonate-* headers would have it. Raises ApiError BadRequest."""
    from minikctl.apiserver.auth.authentication import Impersonation

    wanted = Impersonation(user, list(groups), uid, dict(extra))

    def require(action: Action) -> None:
        client.api.authorizer.require(client.user, action)

    return AuthorizedClient(client.api, actor=client.actor, user=wanted.acted_as(require))
