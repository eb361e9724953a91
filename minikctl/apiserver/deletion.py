"""Deleting: at once, after finalizers, or with a grace period.

Source: apiserver `registry/rest/delete.go` and `registry/generic/registry/store.go`; concept "Garbage collection".
An object with dependents is deleted in one of three ways, chosen by the client: Background (it goes at once, the
garbage collector removes the rest), Foreground (it waits, under a finalizer, until they are gone), Orphan (they stay).
"""

from __future__ import annotations

from datetime import timedelta

from minikctl.api.errors import conflict, not_found
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, is_deleting, timestamp, with_metadata
from minikctl.apiserver import admission
from minikctl.apiserver.registry import CONFLICT_TRIES, Registry, is_finished
from minikctl.apiserver.request import Attributes, Context, DeleteOptions
from minikctl.store import StoreMissing, StoreMoved

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
DEFAULT_GRACE = 30


def delete(
    registry: Registry,
    kind: Kind,
    namespace: str,
    name: str,
    options: DeleteOptions,
    ctx: Context,
    *,
    admitted: bool = False,
) -> tuple[Obj, bool]:
    """Start or finish the deletion. Returns the object as it was last seen and whether it is gone.

    `admitted`: admission has seen the request already, in the shape in which it came (an eviction).
    Raises ApiError NotFound, Conflict (preconditions), Forbidden (admission).
    """
    for _ in range(CONFLICT_TRIES):
        old = registry.get(kind, namespace, name)
        _check_preconditions(kind, name, old, options)
        if not admitted:
            asked = Attributes("DELETE", kind, namespace, name, None, old, ctx, options=_as_object(options))
            admission.admit(asked, registry.reader)
        new = _marked(registry, kind, old, options)
        try:
            if is_finished(kind, new):
                return registry.remove(kind, new, ctx, expect=old["metadata"]["resourceVersion"]), True
            if ctx.dry_run:
                return new, False
            return registry.write(kind, old, new, ctx), False
        except StoreMoved:
            continue
        except StoreMissing:
            raise not_found(kind.plural, kind.group, name) from None
    raise conflict(kind.plural, kind.group, name)


def _as_object(options: DeleteOptions) -> Obj:
    preconditions = {"uid": options.uid, "resourceVersion": options.resource_version}
    fields = {
        "gracePeriodSeconds": options.grace_period,
        "preconditions": {k: v for k, v in preconditions.items() if v} or None,
        "propagationPolicy": options.propagation or None,
    }
    return {k: v for k, v in fields.items() if v is not None}


def _check_preconditions(kind: Kind, name: str, old: Obj, options: DeleteOptions) -> None:
    meta = old["metadata"]
    if options.uid and options.uid != meta.get("uid"):
        why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {meta.get('uid')}"
        raise conflict(kind.plural, kind.group, name, why)
    if options.resource_version and options.resource_version != meta.get("resourceVersion"):
        why = (
            f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
            f"ResourceVersion in object meta: {meta.get('resourceVersion')}"
        )
        raise conflict(kind.plural, kind.group, name, why)


def _marked(registry: Registry, kind: Kind, old: Obj, options: DeleteOptions) -> Obj:
    """The object with deletion time, grace and finalizers as the options ask; unchanged parts shared."""
    meta = old["metadata"]
    finalizers = _finalizers(meta.get("finalizers") or [], options)
    grace = _grace(kind, old, options)
    now = registry.clock.now()
    if is_deleting(old):
        before = int(meta.get("deletionGracePeriodSeconds") or 0)
        if not kind.graceful or grace >= before:  # a deletion under way can be hastened, not prolonged
            return with_metadata(old, finalizers=finalizers or None)
        when = timestamp(now + timedelta(seconds=grace))
        return with_metadata(
            old, finalizers=finalizers or None, deletionTimestamp=when, deletionGracePeriodSeconds=grace
        )
    marked = with_metadata(
        old,
        finalizers=finalizers or None,
        deletionTimestamp=timestamp(now + timedelta(seconds=grace)),
        deletionGracePeriodSeconds=grace,
    )
    if meta.get("generation"):
        marked["metadata"]["generation"] = int(meta["generation"]) + 1
    if kind.prepare_for_delete:
        kind.prepare_for_delete(marked)
    return marked


def _finalizers(present: list[str], options: DeleteOptions) -> list[str]:
    if not options.propagation:
        return present
    kept = [f for f in present if f not in (ORPHAN, FOREGROUND)]
    added = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(options.propagation, [])
    return kept + added


def _grace(kind: Kind, obj: Obj, options: DeleteOptions) -> int:
    """Seconds that a pod gets: none when it never reached a node or has already ended."""
    if not kind.graceful:
        return 0
    spec, phase = obj.get("spec", {}), obj.get("status", {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    if options.grace_period is not None:
        return max(options.grace_period, 0)
    wanted = spec.get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE if wanted is None else max(int(wanted), 1)
