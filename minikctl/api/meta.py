"""Object metadata: the accessors that everything uses. Objects are plain dicts, shaped as the API's JSON."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Any

Obj = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON."""
Objects = list[Obj]
"""Several of them. Classes with a method called `list` need the name."""

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The characters of generated names: no vowels, so that no words appear; no look-alikes."""
_MAX_GENERATED_BASE = 63 - 5

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def name(obj: Obj) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


def namespace(obj: Obj) -> str:
    """The namespace, `""` for cluster-scoped objects."""
    return str(obj.get("metadata", {}).get("namespace", ""))


def uid(obj: Obj) -> str:
    return str(obj.get("metadata", {}).get("uid", ""))


def labels_of(obj: Obj) -> dict[str, str]:
    return obj.get("metadata", {}).get("labels") or {}


def annotations_of(obj: Obj) -> dict[str, str]:
    return obj.get("metadata", {}).get("annotations") or {}


def resource_version(obj: Obj) -> str:
    return str(obj.get("metadata", {}).get("resourceVersion", ""))


def generation(obj: Obj) -> int:
    return int(obj.get("metadata", {}).get("generation", 0))


def is_deleting(obj: Obj) -> bool:
    return bool(obj.get("metadata", {}).get("deletionTimestamp"))


def key(obj: Obj) -> str:
    """`namespace/name`, or `name` for cluster-scoped objects: what work queues hold."""
    ns = namespace(obj)
    return f"{ns}/{name(obj)}" if ns else name(obj)


def split_key(text: str) -> tuple[str, str]:
    """(namespace, name) of a `key`."""
    ns, slash, rest = text.partition("/")
    return (ns, rest) if slash else ("", ns)


def timestamp(moment: datetime) -> str:
    """metav1.Time: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """metav1.MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def generate_name(base: str, rng: random.Random) -> str:
    """`base` and five characters, the base cut so that the whole is a DNS label."""
    return base[:_MAX_GENERATED_BASE] + "".join(rng.choices(ALPHABET, k=5))


def owner_reference(owner: Obj, *, controller: bool = True, block: bool = True) -> Obj:
    """The reference that makes `owner` the controller of what carries it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name(owner),
        "uid": uid(owner),
        "controller": controller,
        "blockOwnerDeletion": block,
    }


def owner_references(obj: Obj) -> list[Obj]:
    return obj.get("metadata", {}).get("ownerReferences") or []


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference with `controller: true`."""
    return next((r for r in owner_references(obj) if r.get("controller")), None)


def is_controlled_by(obj: Obj, owner: Obj) -> bool:
    ref = controller_of(obj)
    return ref is not None and ref.get("uid") == uid(owner)


def condition(obj: Obj, kind: str) -> Obj | None:
    """The status condition of a type."""
    return find_condition(obj.get("status", {}).get("conditions") or [], kind)


def find_condition(conditions: Iterable[Obj], kind: str) -> Obj | None:
    return next((c for c in conditions if c.get("type") == kind), None)


def condition_is(obj: Obj, kind: str, status: str = "True") -> bool:
    found = condition(obj, kind)
    return found is not None and found.get("status") == status


def with_metadata(obj: Obj, **fields: Any) -> Obj:
    """A copy that differs in metadata fields; None removes a field. Copies by path: the rest is shared."""
    metadata = {**obj.get("metadata", {}), **{k: v for k, v in fields.items() if v is not None}}
    for field, value in fields.items():
        if value is None:
            metadata.pop(field, None)
    return {**obj, "metadata": metadata}


def get_path(obj: Any, *path: str, default: Any = None) -> Any:
    """A nested field, or `default` when anything on the way is missing."""
    for step in path:
        if not isinstance(obj, dict) or obj.get(step) is None:
            return default
        obj = obj[step]
    return obj
