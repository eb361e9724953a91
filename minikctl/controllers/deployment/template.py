"""Pod templates: their hash and their equality.

A ReplicaSet is named after the hash of its template and carries it as the label `pod-template-hash`; templates are
compared without that label. The hash is FNV-1a, written in the safe alphabet of generated names, as in Kubernetes; the
text that is hashed is the template's JSON and not Go's memory layout, so the values differ from a real cluster's.
"""

from __future__ import annotations

from minikctl.api.meta import ALPHABET, Obj

HASH_LABEL = "pod-template-hash"
_FNV_OFFSET, _FNV_PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF


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
    """8 to 10 characters. `collision_count` (status.collisionCount) gives another hash for the same template."""
    import json

    data = json.dumps(without_hash(template), sort_keys=True, separators=(",", ":")).encode()
    if collision_count is not None:
        data += collision_count.to_bytes(8, "little")
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(value))


def with_hash(template: Obj, hash_: str) -> Obj:
    """The template with the hash label."""
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), HASH_LABEL: hash_}}}
