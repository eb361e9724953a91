"""The generic registry: create, get, list, update, patch and delete for every kind, in Kubernetes' order of steps.

Guarantees: an object that is stored has passed decoding, defaulting, admission and validation; an update is applied to
the version that it was made from, or not at all; a request with `dry_run` goes through every step and writes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from minikctl.api import schema
from minikctl.api.errors import ApiError, already_exists, bad_request, conflict, forbidden, internal, invalid, not_found
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, is_deleting, timestamp, with_metadata
from minikctl.api.repeated import complaints
from minikctl.apiserver import admission, metadata, ownership
from minikctl.apiserver.request import Attributes, Context
from minikctl.store import CorruptObject, Store, StoreError, StoreExists, StoreMissing, StoreMoved
from minikctl.util.clock import Clock

GENERATED_NAME_TRIES = 8
CONFLICT_TRIES = 30


class StorageHook(Protocol):
    """Work that belongs to storing one kind and must be undone when storing fails (a Service's addresses).

    It comes before the kind's strategy and its validation, as in Kubernetes, and happens in a dry run too: there it
    must complete the object without taking anything.
    """

    def before_create(self, obj: Obj, ctx: Context) -> Callable[[], None]:
        """Complete the new object; returns what undoes it. Raises ApiError."""
        ...

    def before_update(self, obj: Obj, old: Obj, ctx: Context) -> Callable[[bool], None]:
        """Complete the changed object; returns what to call with True when it is stored, False when it is not."""
        ...

    def after_delete(self, obj: Obj, ctx: Context) -> None: ...

    def after_write(self, obj: Obj, ctx: Context) -> None:
        """The object is stored as it is given here, new or changed."""
        ...


def storage_key(kind: Kind, namespace: str, name: str) -> str:
    """Where an object is stored, below `registry/`: etcd's key layout."""
    return f"{storage_prefix(kind, namespace)}/{name}"


def storage_prefix(kind: Kind, namespace: str = "") -> str:
    base = kind.storage or kind.plural
    return f"{base}/{namespace}" if namespace and kind.namespaced else base


class Registry:
    """The verbs over the store. `reader` answers admission plugins; `hooks` are by resource name."""

    def __init__(self, store: Store, clock: Clock, rng: random.Random, reader: admission.Cluster):
        self.store = store
        self.clock = clock
        self.rng = rng
        self.reader = reader
        self.hooks: dict[str, StorageHook] = {}

    # ------------------------------------------------------------------ reading

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """One object. Raises ApiError NotFound, InternalError when its file is damaged."""
        obj = self.find(kind, namespace, name)
        if obj is None:
            raise not_found(kind.plural, kind.group, name)
        return obj

    def find(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        try:
            return self.store.get(storage_key(kind, namespace, name)) if name else None
        except CorruptObject as e:
            raise internal(str(e)) from None
        except StoreError:
            return None  # a name that cannot be a key names nothing

    # ------------------------------------------------------------------ create

    def create(self, kind: Kind, namespace: str, obj: Obj, ctx: Context) -> Obj:
        """Store a new object. Raises ApiError: BadRequest, Invalid, AlreadyExists, Forbidden, NotFound (namespace)."""
        obj = self.decode(kind, obj, ctx)
        self._check_namespace(kind, namespace, obj)
        if obj["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        for attempt in range(GENERATED_NAME_TRIES):
            candidate = self._draft(kind, namespace, obj, ctx)
            hook = self.hooks.get(kind.resource)
            undo = hook.before_create(candidate, ctx) if hook else _do_nothing
            try:
                self._check_new(kind, candidate, ctx)
                return self._store_new(kind, candidate, ctx)
            except StoreExists:
                undo()
                name = candidate["metadata"]["name"]
                if obj["metadata"].get("name") or attempt == GENERATED_NAME_TRIES - 1:
                    raise already_exists(kind.plural, kind.group, name) from None
            except BaseException:
                undo()
                raise
        raise AssertionError("unreachable")

    def _draft(self, kind: Kind, namespace: str, obj: Obj, ctx: Context) -> Obj:
        """A private copy with defaults, what mutating admission adds, and the server's metadata."""
        obj = clone(obj)
        kind.default(obj)
        name = obj["metadata"].get("name") or ""
        attributes = Attributes("CREATE", kind, namespace, name, obj, None, ctx)
        admission.mutate(attributes, self.reader)
        obj = attributes.obj if attributes.obj is not None else obj
        metadata.fill_new(obj, kind, namespace, self.clock.now(), self.rng)
        return obj

    def _check_new(self, kind: Kind, obj: Obj, ctx: Context) -> None:
        """The kind's strategy for a new object, its validation, and validating admission."""
        if kind.has_status and not kind.keep_status_on_create:
            obj.pop("status", None)
        kind.prepare_for_create(obj)
        if kind.has_status and "status" not in obj and kind.type:
            _restore_empty_status(kind, obj)
        self._refuse_if(kind, obj, _once(metadata.validate(obj, kind), kind.validate(obj)))
        meta = obj["metadata"]
        if kind.refuses_creation:
            raise forbidden(kind.plural, kind.group, meta.get("name", ""), kind.refuses_creation)
        attributes = Attributes("CREATE", kind, meta.get("namespace", ""), meta.get("name", ""), obj, None, ctx)
        admission.validate(attributes, self.reader)
        for text in kind.warnings(obj):
            ctx.warn(text)

    def _store_new(self, kind: Kind, obj: Obj, ctx: Context) -> Obj:
        key = storage_key(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        obj = ownership.after_create(kind, obj, ctx, timestamp(self.clock.now()))
        if ctx.dry_run:
            if self.find(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) is not None:
                raise StoreExists(key)
            return obj
        obj = _in_order(kind, obj)
        stored = self._guarded(lambda: self.store.create(key, obj, actor=ctx.actor, because=ctx.because))
        self._written(kind, stored, ctx)
        return stored

    def _written(self, kind: Kind, stored: Obj, ctx: Context) -> None:
        hook = self.hooks.get(kind.resource)
        if hook:
            hook.after_write(stored, ctx)

    # ------------------------------------------------------------------ update

    def update(self, kind: Kind, namespace: str, name: str, obj: Obj, ctx: Context, subresource: str = "") -> Obj:
        """Replace an object, or its status. With a resourceVersion in it: that version or Conflict."""
        decoded = self.decode(kind, obj, ctx)
        self._check_namespace(kind, namespace, decoded)
        given = decoded["metadata"].get("name")
        if given and given != name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        decoded["metadata"]["name"] = name
        version = decoded["metadata"].get("resourceVersion", "")
        if kind.allow_create_on_update and not subresource and self.find(kind, namespace, name) is None:
            decoded["metadata"].pop("resourceVersion", None)
            return self.create(kind, namespace, decoded, ctx)
        return self.modify(kind, namespace, name, lambda _old: clone(decoded), ctx, subresource, expect=version)

    def modify(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Callable[[Obj], Obj],
        ctx: Context,
        subresource: str = "",
        *,
        expect: str = "",
    ) -> Obj:
        """Read, `change`, write; again when another writer was faster, unless `expect` names the version.

        `change` gets the stored object, must not alter it, and returns a decoded new one.
        """
        for _ in range(CONFLICT_TRIES):
            old = self.get(kind, namespace, name)
            if kind.read:
                old = kind.read(old)
            new = change(old)
            wanted = expect or new["metadata"].get("resourceVersion", "")
            if wanted and wanted != old["metadata"]["resourceVersion"]:
                raise conflict(kind.plural, kind.group, name)
            uid = new["metadata"].get("uid")
            if uid and uid != old["metadata"].get("uid"):
                why = (
                    f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['metadata'].get('uid')}"
                )
                raise conflict(kind.plural, kind.group, name, why)
            try:
                return self._replace(kind, old, new, ctx, subresource)
            except StoreMoved:
                if expect:
                    raise conflict(kind.plural, kind.group, name) from None
            except StoreMissing:
                raise not_found(kind.plural, kind.group, name) from None
        raise conflict(kind.plural, kind.group, name)

    def _replace(self, kind: Kind, old: Obj, new: Obj, ctx: Context, subresource: str) -> Obj:
        """One attempt to put `new` in the place of `old`. Raises StoreMoved when `old` is no longer current."""
        name, namespace = old["metadata"]["name"], old["metadata"].get("namespace", "")
        new.setdefault("metadata", {})
        metadata.keep_identity(new, old)
        if subresource != "status":
            kind.default(new)
        attributes = Attributes("UPDATE", kind, namespace, name, new, old, ctx, subresource)
        is_admitted = bool(ctx.subresource)  # in its own shape (a Scale), before it came here
        if not is_admitted:
            admission.mutate(attributes, self.reader)
        new = attributes.obj if attributes.obj is not None else new
        hook = self.hooks.get(kind.resource) if not subresource else None
        finish = hook.before_update(new, old, ctx) if hook else (lambda _stored: None)
        is_stored = False
        try:
            new = self._apply_strategy(kind, new, old, subresource)
            self._refuse_if(kind, new, self._update_errors(kind, new, old, subresource))
            attributes.obj = new
            if not is_admitted:
                admission.validate(attributes, self.reader)
            for text in kind.warnings(new) if not subresource else []:
                ctx.warn(text)
            if not ctx.applies:
                new = ownership.after_update(kind, old, new, ctx, timestamp(self.clock.now()), subresource)
            if ctx.dry_run:
                return new
            stored = self.write(kind, old, new, ctx)
            is_stored = True
            return stored
        finally:
            finish(is_stored)

    @staticmethod
    def _update_errors(kind: Kind, new: Obj, old: Obj, subresource: str) -> list[Any]:
        errors = metadata.validate_update(new, old)
        if subresource == "status":
            return _once(errors, kind.validate_status_update(new, old))
        if subresource in kind.parts:
            return _once(errors, kind.parts[subresource].validate(new, old))
        if kind.update_is_validated_whole:
            return _once(errors, metadata.validate(new, kind), kind.validate_update(new, old))
        return _once(errors, metadata.validate(new, kind), kind.validate_update(new, old), kind.validate(new))

    @staticmethod
    def _apply_strategy(kind: Kind, new: Obj, old: Obj, subresource: str) -> Obj:
        """What this kind of update may touch: the main resource not the status, a subresource only its part."""
        if subresource == "status":
            kept = with_metadata(old, **_status_writable(new, old))
            kept["status"] = new.get("status", {})
            kind.prepare_status_update(kept, old)
            return kept
        if subresource in kind.parts:
            new = clone(kind.parts[subresource].keep(new, old))
        else:
            if kind.has_status and "status" in old:
                new["status"] = old["status"]
            elif kind.has_status:
                new.pop("status", None)
            kind.prepare_for_update(new, old)
        if kind.has_generation:
            uncounted = _NOT_SPEC if kind.has_status else _NOT_SPEC - {"status"}
            changed = any(new.get(k) != old.get(k) for k in new.keys() | old.keys() if k not in uncounted)
            if changed:
                new["metadata"]["generation"] = int(old["metadata"].get("generation") or 0) + 1
        return new

    def write(self, kind: Kind, old: Obj, new: Obj, ctx: Context) -> Obj:
        """Store a prepared update; removes the object instead when it was only waiting for its finalizers.

        Writes nothing when nothing changed. Raises StoreMoved, StoreMissing.
        """
        if is_finished(kind, new):
            return self.remove(kind, new, ctx, expect=old["metadata"]["resourceVersion"])
        if new == old:
            return old
        new = _in_order(kind, new)
        key = storage_key(kind, old["metadata"].get("namespace", ""), old["metadata"]["name"])
        expect = old["metadata"]["resourceVersion"]
        stored = self._guarded(
            lambda: self.store.update(
                key, new, expect=expect, actor=ctx.actor, because=ctx.because, was=self._was(kind, new, old)
            )
        )
        self._written(kind, stored, ctx)
        return stored

    def remove(self, kind: Kind, obj: Obj, ctx: Context, *, expect: str) -> Obj:
        """Take the object out of the store. Raises StoreMoved, StoreMissing."""
        if ctx.dry_run:
            return obj
        key = storage_key(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        removed = self._guarded(
            lambda: self.store.delete(key, expect=expect, actor=ctx.actor, because=ctx.because, last=obj)
        )
        hook = self.hooks.get(kind.resource)
        if hook:
            hook.after_delete(removed, ctx)
        return removed

    # ------------------------------------------------------------------ parts

    def decode(self, kind: Kind, obj: Any, ctx: Context) -> Obj:
        """A client's object, checked against the schema. Raises ApiError BadRequest."""
        if not isinstance(obj, dict):
            raise bad_request(
                f"couldn't get version/kind; json parse error: expected an object, got {type(obj).__name__}"
            )
        api_version, name = obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind
        if (api_version, name) != (kind.api_version, kind.kind):
            raise bad_request(
                f"{name} in version {api_version} cannot be handled as a {kind.kind}: converting ({api_version}, "
                f"Kind={name}) to ({kind.api_version}, Kind={kind.kind}): unknown conversion"
            )
        where = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        try:
            decoded = kind.decode(obj) if kind.decode else schema.decode(kind.type, obj)
        except schema.DecodeError as e:
            raise bad_request(f"{where}: {e}") from None
        if (decoded.unknown or ctx.repeated) and ctx.field_validation != "Ignore":
            texts = complaints(obj, decoded.unknown, ctx.repeated, pruned=kind.decode is not None)
            if ctx.field_validation == "Strict":
                raise bad_request(f"{where}: strict decoding error: {', '.join(texts)}")
            for text in texts:
                ctx.warn(text)
        value = decoded.value
        value.setdefault("metadata", {})
        head: Obj = {"apiVersion": kind.api_version, "kind": kind.kind}
        return head | {k: v for k, v in value.items() if k not in head}

    def apply(self, kind: Kind, namespace: str, name: str, config: Obj, ctx: Context, subresource: str = "") -> Obj:
        """Server-side apply (KEP-555): create what is missing, merge into what is there. Raises ApiError Conflict.

        Merged is in the version of the request, stored in the one that is stored; the answer is what is stored.
        """
        self.decode(kind, config, ctx.with_(field_validation="Ignore"))
        if unknown := (kind.decode(config) if kind.decode else schema.decode(kind.type, config)).unknown:
            raise ownership.undeclared(kind, config, unknown)
        meta = config.get("metadata") or {}
        if meta.get("name") and meta["name"] != name:
            raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
        wanted = schema.decode(kind.type, config, zeros=False).value if kind.type else clone(config)
        wanted["metadata"] = {**(wanted.get("metadata") or {}), "name": name}
        self._check_namespace(kind, namespace, wanted)
        applying, quiet = ctx.with_(applies=True), ctx.with_(applies=True, field_validation="Ignore")
        now = timestamp(self.clock.now())

        def merged(live: Obj | None) -> Obj:
            shown = kind.shown(live) if live is not None and kind.conversion else live
            obj = ownership.apply(kind, shown, wanted, ctx, now, subresource)
            if kind.conversion is None:
                return obj
            obj = self.decode(kind, obj, quiet)
            kind.default(obj)
            return kind.conversion.to_stored(obj)

        stored = kind.stored
        if self.find(stored, namespace, name) is None:
            if subresource or wanted["metadata"].get("resourceVersion"):
                raise not_found(kind.plural, kind.group, name)
            if given := wanted["metadata"].get("uid"):
                why = f"uid mismatch: the provided object specified uid {given}, and no existing object was found"
                raise conflict(kind.plural, kind.group, name, why)
            try:
                return self.create(stored, namespace, merged(None), quiet)
            except ApiError as e:
                if e.reason != "AlreadyExists":
                    raise

        def change(old: Obj) -> Obj:
            return self.decode(stored, merged(old), quiet)

        return self.modify(stored, namespace, name, change, applying, subresource)

    @staticmethod
    def _check_namespace(kind: Kind, namespace: str, obj: Obj) -> None:
        given = obj["metadata"].get("namespace")
        if kind.namespaced and given and given != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if kind.namespaced:
            obj["metadata"]["namespace"] = namespace
        else:
            obj["metadata"].pop("namespace", None)

    @staticmethod
    def _refuse_if(kind: Kind, obj: Obj, errors: list[Any]) -> None:
        if errors:
            raise invalid(kind.kind, kind.group, obj["metadata"].get("name", ""), errors)

    @staticmethod
    def _was(kind: Kind, new: Obj, old: Obj) -> Obj | None:
        """Labels and selectable fields before the write, where they differ: for filtered watches."""
        was: Obj = {}
        before, after = old["metadata"].get("labels") or {}, new["metadata"].get("labels") or {}
        if before != after:
            was["labels"] = before
        fields_before, fields_after = kind.selectable_fields(old), kind.selectable_fields(new)
        if fields_before != fields_after:
            was["fields"] = fields_before
        return was or None

    @staticmethod
    def _guarded(write: Callable[[], Obj]) -> Obj:
        try:
            return write()
        except CorruptObject as e:
            raise internal(str(e)) from None
        except StoreError as e:
            raise ApiError(500, "InternalError", str(e)) from None


_NOT_SPEC = frozenset({"metadata", "status", "apiVersion", "kind"})


def is_finished(kind: Kind, obj: Obj) -> bool:
    """True when an object being deleted has nothing left that holds it: no finalizers, no grace to run."""
    if not is_deleting(obj):
        return False
    meta = obj["metadata"]
    if meta.get("finalizers") or (kind.holds_deletion and kind.holds_deletion(obj)):
        return False
    return not meta.get("deletionGracePeriodSeconds")


def _status_writable(new: Obj, old: Obj) -> Obj:
    """The metadata that an update of `/status` may change."""
    given = new["metadata"]
    return {
        f: given.get(f)
        for f in ("annotations", "finalizers", "managedFields")
        if given.get(f) != old["metadata"].get(f)
    }


def _in_order(kind: Kind, obj: Obj) -> Obj:
    """Fields as Kubernetes declares them, so that two files of a kind read alike."""
    head = {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind")}
    ordered: Obj = schema.in_order(kind.type, obj) if kind.type else obj
    return head | {k: v for k, v in ordered.items() if k not in head}


def _restore_empty_status(kind: Kind, obj: Obj) -> None:
    """`status: {}` where Kubernetes stores it although nothing is in it yet."""
    field = schema.get(kind.type).fields.get("status")
    if field is not None and field.always:
        obj["status"] = schema.zero(field.type)


def _once(*groups: list[Any]) -> list[Any]:
    return list(dict.fromkeys(e for group in groups for e in group))


def _do_nothing() -> None:
    return None


def clone(value: Any) -> Any:
    """A private copy of JSON data."""
    if isinstance(value, dict):
        return {k: clone(v) if isinstance(v, dict | list) else v for k, v in value.items()}
    if isinstance(value, list):
        return [clone(v) if isinstance(v, dict | list) else v for v in value]
    return value
