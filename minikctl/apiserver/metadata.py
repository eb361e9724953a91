"""Metadata rules that hold for every kind: what the server fills in, what may change, what is valid.

Source: apimachinery `api/validation/objectmeta.go`, apiserver `registry/rest/{meta,create,update}.go`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime

from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_required
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, generate_name, timestamp
from minikctl.api.names import (
    dns_label,
    validate_annotations,
    validate_finalizers,
    validate_labels,
    validate_owner_references,
)

SERVER_OWNED = (
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "uid",
    "creationTimestamp",
)


def new_uid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def fill_new(obj: Obj, kind: Kind, namespace: str, now: datetime, rng: random.Random) -> None:
    """Set on a new object what the server decides: uid, creation time, generated name, first generation."""
    given = obj.get("metadata") or {}
    metadata = {k: v for k, v in given.items() if k not in SERVER_OWNED and k != "generation"}
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(metadata["generateName"], rng)
    ordered: Obj = {k: metadata.pop(k) for k in ("name", "generateName") if k in metadata}
    metadata.pop("namespace", None)
    if kind.namespaced:
        ordered["namespace"] = namespace
    ordered["uid"] = new_uid(rng)
    if kind.has_generation:
        ordered["generation"] = 1
    ordered["creationTimestamp"] = timestamp(now)
    obj["metadata"] = ordered | metadata


def keep_identity(new: Obj, old: Obj) -> None:
    """Carry over what an update cannot change and a client may leave out."""
    before, metadata = old["metadata"], new["metadata"]
    for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        if field in before:
            if field == "generation" or not metadata.get(field):
                metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    metadata["resourceVersion"] = before["resourceVersion"]
    metadata.pop("selfLink", None)


def validate(obj: Obj, kind: Kind) -> list[FieldError]:
    """Errors in the metadata of any object."""
    metadata = obj["metadata"]
    errors = _validate_names(metadata, kind)
    errors += validate_labels(metadata.get("labels"), "metadata.labels")
    errors += validate_annotations(metadata.get("annotations"), "metadata.annotations")
    errors += validate_owner_references(metadata.get("ownerReferences") or [], "metadata.ownerReferences")
    errors += validate_finalizers(metadata.get("finalizers") or [], "metadata.finalizers", custom=not kind.type)
    return errors


def _validate_names(metadata: Obj, kind: Kind) -> list[FieldError]:
    errors: list[FieldError] = []
    check: Callable[[str], list[str]] = kind.validate_name
    prefix = metadata.get("generateName")
    if prefix:  # a trailing dash is fine: five characters follow
        errors += [field_invalid("metadata.generateName", prefix, m) for m in check(prefix[:-1] + "a")]
    name = metadata.get("name")
    if not name:
        errors.append(field_required("metadata.name", "name or generateName is required"))
    elif not (prefix and errors):
        errors += [field_invalid("metadata.name", name, m) for m in check(name)]
    if kind.namespaced:
        namespace = metadata.get("namespace")
        if not namespace:
            errors.append(field_required("metadata.namespace"))
        else:
            errors += [field_invalid("metadata.namespace", namespace, m) for m in dns_label(namespace)]
    return errors


def validate_update(new: Obj, old: Obj) -> list[FieldError]:
    """Changes of metadata that no update may make."""
    metadata, before = new["metadata"], old["metadata"]
    errors = [
        field_invalid(f"metadata.{field}", metadata.get(field) or "", "field is immutable")
        for field in (
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        )
        if (metadata.get(field) or "") != (before.get(field) or "")
    ]
    if before.get("deletionTimestamp"):
        added = [f for f in metadata.get("finalizers") or [] if f not in (before.get("finalizers") or [])]
        if added:
            shown = "[" + " ".join(f'"{f}"' for f in added) + "]"
            why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
            errors.append(field_forbidden("metadata.finalizers", why))
    return errors
