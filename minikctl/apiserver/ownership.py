"""metadata.managedFields on every write: who set which field. The algorithm is `api.apply`; here it meets requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from minikctl.api.apply import fields, managers
from minikctl.api.apply.managers import APPLY, UPDATE, Manager
from minikctl.api.apply.shape import Shape, built_in, custom
from minikctl.api.apply.typed import element_of
from minikctl.api.errors import ApiError, bad_request, field_required, invalid
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, with_metadata
from minikctl.apiserver.request import Context


@cache
def _built_in(type_name: str) -> Shape:
    return built_in(type_name)


def shape_of(kind: Kind) -> Shape:
    return _built_in(kind.type) if kind.type else custom(kind.openapi_schema or {})


def _manager(kind: Kind, ctx: Context, operation: str, subresource: str) -> Manager:
    """Components are known by their program, as in Kubernetes: `kubelet`, not `kubelet/node-1`."""
    name = ctx.field_manager or ctx.agent or ctx.actor.partition("/")[0]
    return Manager(name, operation, kind.api_version, subresource or ctx.subresource)


def _with(obj: Obj, entries: list[managers.Entry]) -> Obj:
    return with_metadata(obj, managedFields=managers.encode(entries) or None)


def after_create(kind: Kind, obj: Obj, ctx: Context, now: str) -> Obj:
    """The new object with its first entry; what a client sends as managedFields is not believed."""
    if not kind.tracks_fields:
        return with_metadata(obj, managedFields=None)
    if ctx.applies:
        return obj
    manager = _manager(kind, ctx, UPDATE, "")
    return _with(obj, managers.after_update(shape_of(kind), None, obj, [], manager, now))


def after_update(kind: Kind, old: Obj, new: Obj, ctx: Context, now: str, subresource: str) -> Obj:
    """The changed object with the changed fields in the writer's hands.

    Entries that the client sends stand in place of the old ones (kubectl moves fields between managers so); without
    any the old ones stand, and `[{}]` starts afresh.
    """
    if not kind.tracks_fields:
        return new
    given = new["metadata"].get("managedFields")
    if given == [{}]:
        return with_metadata(new, managedFields=None)
    manager = _manager(kind, ctx, UPDATE, subresource)
    entries = managers.entries_of(new) or None
    return _with(new, managers.after_update(shape_of(kind), old, new, entries, manager, now))


def apply(kind: Kind, live: Obj | None, config: Obj, ctx: Context, now: str, subresource: str) -> Obj:
    """The object that a server-side apply means, before defaulting. Raises ApiError: Conflict, Invalid, BadRequest."""
    if not ctx.field_manager:
        error = field_required("fieldManager", "is required for apply patch")
        raise invalid("PatchOptions", "meta.k8s.io", "", [error])
    if config.get("metadata", {}).get("managedFields"):
        raise ApiError(400, "BadRequest", "metadata.managedFields must be nil")
    for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if config.get(field) != wanted:
            raise bad_request(f"{field} must be {wanted!r} in an apply patch, got {config.get(field)!r}")
    manager = _manager(kind, ctx, APPLY, subresource)
    config = _settable(kind, config, subresource)
    obj, entries = managers.apply(shape_of(kind), live, config, manager, now, force=ctx.force)
    return _with(obj, entries)


def undeclared(kind: Kind, config: Obj, unknown: Iterable[str]) -> ApiError:
    """The refusal of a configuration with fields that its type does not have.

    Without a reason, as Kubernetes, which takes its type converter's word for a failure of its own and answers 500. The
    configuration is what is wrong, so it is 422 here; clients print the same.
    """
    shown = [f"{_shown(shape_of(kind), config, path)}: field not declared in schema" for path in unknown]
    text = shown[0] if len(shown) == 1 else "\n".join(["errors:", *(f"  {line}" for line in shown)])
    metadata = config.get("metadata") or {}
    where = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    what = f"{kind.group}/{kind.version}, Kind={kind.kind}"
    return ApiError(422, "", f"failed to create typed patch object ({where}; {what}): {text}")


def _shown(shape: Shape, value: Any, path: str) -> str:
    """`spec.containers[0].nope` as server-side apply writes it: `.spec.containers[name="c"].nope`."""
    out: list[str] = []
    for step in re.findall(r"\[\d+\]|[^.\[]+", path):
        if step.startswith("[") and isinstance(value, list) and int(step[1:-1]) < len(value):
            value = value[int(step[1:-1])]
            element = element_of(shape, value)
            if element is None:
                return f".{path}"
            shape = shape.item()
            out.append(element)
        else:
            out.append(f"f:{step}")
            value = value.get(step) if isinstance(value, dict) else None
            shape = shape.child(step)
    return fields.show(tuple(out))


def _settable(kind: Kind, config: Obj, subresource: str) -> Obj:
    """What can be set in this way: the status through /status alone, and nothing else through that.

    Source: the GetResetFields of Kubernetes' strategies.
    """
    if not kind.has_status:
        return config
    if subresource != "status":
        return {k: v for k, v in config.items() if k != "status"}
    metadata = {k: v for k, v in (config.get("metadata") or {}).items() if k in _IDENTITY}
    kept = {k: v for k, v in config.items() if k in ("apiVersion", "kind", "status")}
    return {**kept, "metadata": metadata}


_IDENTITY = ("name", "namespace", "uid", "resourceVersion")
