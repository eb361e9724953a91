"""Finalizers of an object. Pure; copies by path."""

from __future__ import annotations

from minikctl.api.meta import Obj, with_metadata


def has_finalizer(obj: Obj, finalizer: str) -> bool:
    return finalizer in (obj["metadata"].get("finalizers") or [])


def with_finalizer(obj: Obj, finalizer: str) -> Obj:
    return with_metadata(obj, finalizers=[*(obj["metadata"].get("finalizers") or []), finalizer])


def without_finalizer(obj: Obj, finalizer: str) -> Obj:
    left = [f for f in obj["metadata"].get("finalizers") or [] if f != finalizer]
    return with_metadata(obj, finalizers=left or None)
