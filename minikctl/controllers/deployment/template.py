"""Pod templates: their hash and their equality.

A ReplicaSet is named after the hash of its template and carries it as the label `pod-template-hash`; templates are
compared without that label.
"""

from __future__ import annotations

from minikctl.api.hashing import template_hash
from minikctl.api.meta import Obj

HASH_LABEL = "pod-template-hash"


def equal(a: Obj, b: Obj) -> bool:
    """Whether two templates ask for the same pods."""
    return a == b or without_hash(a) == without_hash(b)


def without_hash(template: Obj) -> Obj:
    """The template without the hash label, and without what is empty anyway."""
    metadata = dict(template.get("metadata") or {})
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    metadata["labels"] = labels
    kept = {k: v for k, v in metadata.items() if v and k != "creationTimestamp"}
    return {"metadata": kept, "spec": template.get("spec") or {}}


def compute_hash(template: Obj, collision_count: int | None = None) -> str:
    """The value of the label; `collision_count` (status.collisionCount) gives another one for the same template."""
    return template_hash(without_hash(template), collision_count)


def with_hash(template: Obj, hash_: str) -> Obj:
    """The template with the hash label."""
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), HASH_LABEL: hash_}}}
