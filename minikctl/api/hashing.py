"""Short hashes of objects, as labels and name suffixes carry them (`pod-template-hash`, `controller-revision-hash`).

FNV-1a with 32 bits over canonical JSON, written in decimal and spelled with the letters of generated names, as
Kubernetes does with its own printed form of the object: the values differ from a real cluster's, their shape does not.
Source: Kubernetes `pkg/controller` ComputeHash, apimachinery `util/rand` SafeEncodeString.
"""

from __future__ import annotations

import json
from typing import Any

from minikctl.api.meta import ALPHABET, Obj

_OFFSET, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF


def fnv1a(data: bytes, state: int = _OFFSET) -> int:
    """The 32-bit FNV-1a hash of some bytes; `state` continues an earlier one."""
    for byte in data:
        state = ((state ^ byte) * _PRIME) & _MASK
    return state


def safe_encode(text: str) -> str:
    """The text with every character replaced by one of the alphabet of generated names: no vowels, so no words."""
    return "".join(ALPHABET[ord(c) % len(ALPHABET)] for c in text)


def object_hash(value: Any, *suffixes: bytes) -> str:
    """The hash of JSON data, whatever the order of its keys; 1 to 10 characters."""
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    state = fnv1a(data)
    for suffix in suffixes:
        state = fnv1a(suffix, state)
    return safe_encode(str(state))


def template_hash(template: Obj, collision_count: int | None = None) -> str:
    """The value of `pod-template-hash` for a pod template.

    `collision_count` (status.collisionCount) makes another hash of the same template, when one is already taken.
    Empty parts of the template's metadata do not count, so that a template means the same with or without them.
    """
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if v}
    canonical = {"metadata": metadata, "spec": template.get("spec") or {}}
    return object_hash(canonical, *([] if collision_count is None else [collision_count.to_bytes(8, "little")]))
