"""The API server: every request of every client goes through the methods of `APIServer`, in-process or over HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import (
    ApiError,
    bad_request,
    conflict,
    gone,
    invalid,
    method_not_allowed,
    method_not_supported,
    no_such_resource,
    not_found,
)
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects
from minikctl.api.selectors import SelectorError, parse_field_selector, parse_label_selector
from minikctl.api.watch import Event
from minikctl.apiserver import deletion, metrics, patching, subresources
from minikctl.apiserver.registry import CONFLICT_TRIES, Registry, storage_prefix
from minikctl.apiserver.request import Context, DeleteOptions
from minikctl.apiserver.resources import Resources
from minikctl.apiserver.watching import Selection, WatchStream
from minikctl.store import ADDED, Compacted, FutureVersion, Notifier, Store, StoreMissing, StoreMoved, Watch
from minikctl.util.clock import Clock, SystemClock

if TYPE_CHECKING:
    from minikctl.apiserver.auth.authorizer import Authorizer


class APIServer:
    """The verbs of the Kubernetes API on one store. Thread-safe.

    Objects go in and out as plain dicts; what comes out must not be changed by the caller (it may be shared).
    Every method raises ApiError and nothing else for what a client can do wrong.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        notifier: Notifier | None = None,
    ):
        self.store = store
        self.clock = clock or SystemClock()
        self.rng = rng or random.SystemRandom()
        self.notifier = notifier
        self.resources = Resources(store)
        self.registry = Registry(store, self.clock, self.rng, self)
        from minikctl.apiserver.definitions import RESOURCE, DefinitionHook
        from minikctl.apiserver.services import ServiceAddresses

        self.registry.hooks["services"] = ServiceAddresses(self)
        self.registry.hooks[f"{RESOURCE}.apiextensions.k8s.io"] = DefinitionHook(self)
        self.resources.definitions.converter = self._converter

    def _converter(self, crd: Obj) -> Any:
        from minikctl.apiserver.conversion import converter

        return converter(self, crd)

    @cached_property
    def authorizer(self) -> Authorizer:
        """Who may do what, read from the store. The HTTP server puts one with a cache in its place."""
        from minikctl.apiserver.auth.authorizer import Authorizer
        from minikctl.apiserver.auth.policies import StoredPolicies

        return Authorizer(StoredPolicies(self), self)

    # ------------------------------------------------------------------ reading

    def get(self, kind: Kind, namespace: str, name: str, ctx: Context, subresource: str = "") -> Obj:
        if "get" not in kind.verbs:
            raise method_not_allowed()
        self._deprecated(kind, ctx)
        if kind.is_computed:
            return metrics.get(self, kind, namespace, name)
        if kind.is_whole(subresource):
            return kind.shown(self.registry.get(kind.stored, namespace, name))
        handler = self._handler(kind, subresource)
        if handler.get is None:
            raise method_not_supported(f"{kind.plural}/{subresource}", kind.group, "get")
        return handler.get(self, kind, namespace, name, ctx)

    def selection(self, kind: Kind, namespace: str, label_selector: str = "", field_selector: str = "") -> Selection:
        """What a list or watch is about. Raises ApiError BadRequest for malformed or unknown selectors."""

        def stored(field: str) -> str:
            known = kind.selector_fields()
            if field not in known:
                raise SelectorError(_unknown_field(kind, field, list(known)))
            return known[field]

        try:
            labels = parse_label_selector(label_selector)
            fields = parse_field_selector(field_selector, stored)
        except SelectorError as e:
            raise bad_request(str(e)) from None
        return Selection(kind, namespace if kind.namespaced else "", labels, fields)

    def list(self, selection: Selection, ctx: Context) -> Obj:
        """A list object. Files that cannot be read are left out and named in a warning."""
        kind = selection.kind
        if "list" not in kind.verbs:
            raise method_not_allowed()
        self._deprecated(kind, ctx)
        name = selection.fields.exact("metadata.name")
        items: Objects
        if kind.is_computed:
            items, rv = metrics.all_of(self, kind, selection.namespace), self.store.current_rv()
        elif name is not None and (selection.namespace or not kind.namespaced):
            rv = self.store.current_rv()
            found = self.registry.find(kind.stored, selection.namespace, name)
            items = [found] if found else []
        else:
            listing = self.store.list(storage_prefix(kind, selection.namespace))
            items, rv = listing.items, listing.rv
            for corrupt in listing.corrupt:
                ctx.warn(str(corrupt))
        return {
            "kind": kind.list_kind,
            "apiVersion": kind.api_version,
            "metadata": {"resourceVersion": str(rv)},
            "items": kind.shown_all([o for o in items if selection.matches(o)]),
        }

    def watch(self, selection: Selection, resource_version: str, ctx: Context) -> WatchStream:
        """Open a watch after a resourceVersion; without one, what exists comes first as ADDED.

        Raises ApiError Expired (410) when the version is compacted away.
        """
        first: list[Event] = []
        if resource_version in ("", "0"):
            listing = self.list(selection, ctx)
            resource_version = listing["metadata"]["resourceVersion"]
            first = [Event(ADDED, o) for o in listing["items"]]
        try:
            after = int(resource_version)
        except ValueError:
            raise bad_request(f"Invalid value: {resource_version!r}: resource version must be an integer") from None
        prefix = storage_prefix(selection.kind, selection.namespace)
        try:
            return WatchStream(selection, Watch(self.store, after, (prefix,), self.notifier), first)
        except Compacted as e:
            raise gone(str(e)) from None
        except FutureVersion as e:
            details = {
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            }
            raise ApiError(504, "Timeout", str(e), details) from None

    def read(self, resource: str, namespace: str, name: str) -> Obj | None:
        """For admission: one object or None."""
        return self.registry.find(self.kind(resource), namespace, name)

    def read_all(self, resource: str, namespace: str = "") -> Objects:
        """For admission: all objects of a resource that can be read, sorted by name."""
        return self.store.glance(storage_prefix(self.kind(resource), namespace))

    def kind(self, resource: str) -> Kind:
        """The kind of a resource name. Raises ApiError NotFound."""
        kind = self.resources.find(resource)
        if kind is None:
            raise no_such_resource()
        return kind

    # ------------------------------------------------------------------ writing

    def create(self, kind: Kind, namespace: str, obj: Any, ctx: Context, name: str = "", subresource: str = "") -> Obj:
        self._deprecated(kind, ctx)
        if kind.verbs == ("create",):
            from minikctl.apiserver.auth import reviews

            return reviews.answer(self, kind, namespace, obj, ctx)
        if not subresource:
            obj = self._to_stored(kind, obj, ctx)
            return kind.shown(self._told(self.registry.create(kind.stored, namespace, obj, _converted(kind, ctx))))
        handler = self._handler(kind, subresource)
        if handler.create is None:
            raise method_not_supported(f"{kind.plural}/{subresource}", kind.group, "create")
        return handler.create(self, kind, namespace, name, obj, ctx)

    def update(self, kind: Kind, namespace: str, name: str, obj: Any, ctx: Context, subresource: str = "") -> Obj:
        self._deprecated(kind, ctx)
        if kind.is_whole(subresource):
            self._check_status(kind, subresource)
            obj = self._to_stored(kind, obj, ctx, namespace, name)
            updated = self.registry.update(kind.stored, namespace, name, obj, _converted(kind, ctx), subresource)
            return kind.shown(self._told(updated))
        handler = self._handler(kind, subresource)
        if handler.update is None:
            raise method_not_supported(f"{kind.plural}/{subresource}", kind.group, "update")
        return handler.update(self, kind, namespace, name, obj, ctx)

    def patch(
        self, kind: Kind, namespace: str, name: str, patch_type: str, patch: Any, ctx: Context, subresource: str = ""
    ) -> Obj:
        """patch_type: json, merge, strategic or apply."""
        self._deprecated(kind, ctx)
        patch = patching.parse(patch)
        if patch_type == patching.APPLY and kind.is_whole(subresource):
            if not isinstance(patch, dict):
                raise bad_request("an apply patch must be an object")
            self._check_status(kind, subresource)
            return kind.shown(self._told(self.registry.apply(kind, namespace, name, patch, ctx, subresource)))
        if not kind.is_whole(subresource):
            return self._patch_subresource(kind, namespace, name, patch_type, patch, ctx, subresource)
        self._check_status(kind, subresource)

        def decode(patched: Obj) -> Obj:
            decoded = self.registry.decode(kind, patched, ctx)
            given = decoded["metadata"].get("name")
            if given != name:
                raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
            return self._to_stored(kind, decoded, ctx, namespace, name)

        change = patching.changer(kind, patch_type, patch, decode)
        changed = self.registry.modify(
            kind.stored, namespace, name, lambda old: change(kind.shown(old)), ctx, subresource
        )
        return kind.shown(self._told(changed))

    def _patch_subresource(
        self, kind: Kind, namespace: str, name: str, patch_type: str, patch: Any, ctx: Context, subresource: str
    ) -> Obj:
        handler = self._handler(kind, subresource)
        if handler.get is None or handler.update is None:
            raise method_not_supported(f"{kind.plural}/{subresource}", kind.group, "patch")
        if patch_type == patching.APPLY and handler.apply is not None and isinstance(patch, dict):
            return handler.apply(self, kind, namespace, name, patch, ctx)
        shown = handler.get(self, kind, namespace, name, ctx)
        change = patching.changer(kind, patch_type, patch, lambda patched: patched)
        return handler.update(self, kind, namespace, name, change(shown), ctx)

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions, ctx: Context) -> tuple[Obj, bool]:
        """The object as last seen, and whether it is gone already."""
        self._deprecated(kind, ctx)
        obj, is_gone = deletion.delete(self.registry, kind.stored, namespace, name, options, ctx)
        return kind.shown(self._told(obj)), is_gone

    def delete_collection(self, selection: Selection, options: DeleteOptions, ctx: Context) -> Obj:
        """Delete everything selected; the list of what was there."""
        listing = self.list(selection, ctx)
        for obj in listing["items"]:
            try:
                meta = obj["metadata"]
                self.delete(selection.kind, meta.get("namespace", ""), meta["name"], options, ctx)
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
        return listing

    def write_raw(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Obj], Obj], ctx: Context, *, expect: str = ""
    ) -> Obj:
        """A subresource's own write, past the kind's update strategy: read, `change`, store, again on a conflict.

        `change` must leave the old object alone and return a new one.
        """
        for _ in range(CONFLICT_TRIES):
            old = self.registry.get(kind, namespace, name)
            if expect and expect != old["metadata"]["resourceVersion"]:
                raise conflict(kind.plural, kind.group, name)
            new = change(old)
            if ctx.dry_run:
                return new
            try:
                return self._told(self.registry.write(kind, old, new, ctx))
            except StoreMoved:
                continue
            except StoreMissing:
                raise not_found(kind.plural, kind.group, name) from None
        raise conflict(kind.plural, kind.group, name)

    # ------------------------------------------------------------------ parts

    def _told(self, obj: Obj) -> Obj:
        """Wake this process's own watchers at once."""
        if self.notifier is not None:
            self.notifier.notify()
        return obj

    def _to_stored(self, kind: Kind, obj: Any, ctx: Context, namespace: str = "", name: str = "") -> Any:
        """A client's object in the version that is stored; nothing to do where that is its own.

        `name`: the object that it is to replace. A custom resource must be valid in the client's version, too.
        """
        if kind.conversion is None:
            return obj
        decoded = self.registry.decode(kind, obj, ctx)
        kind.default(decoded)
        if kind.update_is_validated_whole:
            old = self.registry.find(kind.stored, namespace, name)
            errors = kind.validate_update(decoded, old) if old else kind.validate(decoded)
            if errors:
                raise invalid(kind.kind, kind.group, name or decoded["metadata"].get("name") or "", errors)
        return kind.conversion.to_stored(decoded)

    @staticmethod
    def _deprecated(kind: Kind, ctx: Context) -> None:
        if kind.deprecation:
            ctx.warn(kind.deprecation)

    @staticmethod
    def _check_status(kind: Kind, subresource: str) -> None:
        if subresource == "status" and not kind.has_status:
            raise no_such_resource()

    @staticmethod
    def _handler(kind: Kind, subresource: str) -> subresources.Handler:
        handler = subresources.find(kind, subresource) if subresource in kind.subresources else None
        if handler is None:
            raise no_such_resource()
        return handler


def _unknown_field(kind: Kind, field: str, known: list[str]) -> str:
    """Kinds with fields of their own word this differently from those without."""
    if len(known) > (2 if kind.namespaced else 1):
        return f"field label not supported: {field}"
    shown = ", ".join(f'"{k}"' for k in known)
    return f'"{field}" is not a known field selector: only {shown}'


def _converted(kind: Kind, ctx: Context) -> Context:
    """For an object that has been read in the client's version: what that does not know has been said."""
    return ctx.with_(field_validation="Ignore") if kind.conversion and kind.decode else ctx
