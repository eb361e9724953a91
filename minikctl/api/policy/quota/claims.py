"""PersistentVolumeClaims: their number and size, in all and by storage class.

`gold.storageclass.storage.k8s.io/requests.storage` is what the class `gold` may hand out.
Source: Kubernetes `pkg/quota/v1/evaluator/core/persistent_volume_claims.go`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api import quantity
from minikctl.api.kinds.persistent_volume_claim import storage_class
from minikctl.api.meta import Obj
from minikctl.api.policy import amounts
from minikctl.api.policy.amounts import Amounts
from minikctl.api.policy.quota.measures import Measure, count_name
from minikctl.api.policy.quota.scopes import holds

COUNT = count_name("persistentvolumeclaims")
CLAIMS, STORAGE = "persistentvolumeclaims", "requests.storage"
_OF_CLASS = ".storageclass.storage.k8s.io/"


def names(name: str) -> bool:
    return name in (COUNT, CLAIMS, STORAGE) or name.endswith((_OF_CLASS + CLAIMS, _OF_CLASS + STORAGE))


def usage(claim: Obj, _now: datetime) -> Amounts:
    used: Amounts = {COUNT: "1", CLAIMS: "1"}
    size = _size(claim)
    if size is not None:
        used[STORAGE] = size
    chosen = storage_class(claim)
    if chosen:
        used[f"{chosen}{_OF_CLASS}{CLAIMS}"] = "1"
        if size is not None:
            used[f"{chosen}{_OF_CLASS}{STORAGE}"] = size
    return used


def _size(claim: Obj) -> str | None:
    """What is requested, or already allotted where a claim has been made smaller again; in whole bytes."""
    asked = (((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage")
    if asked is None:
        return None
    allotted = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage", "0")
    larger = allotted if quantity.parse(allotted) > quantity.parse(asked) else asked
    return larger if quantity.parse(larger) % quantity.NANO == 0 else quantity.from_bytes(quantity.value(larger))


def selects(scope: Obj, claim: Obj) -> bool:
    return scope.get("scopeName") == "VolumeAttributesClass" and holds(scope, _attribute_classes(claim))


def _attribute_classes(claim: Obj) -> list[str]:
    """All that the claim has to do with: asked for, in force, on the way."""
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    target = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    found = (spec.get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), target)
    return sorted({c for c in found if c})


def _handles(operation: str, subresource: str, new: Obj, old: Obj | None) -> bool:
    if not subresource:
        return operation in ("CREATE", "UPDATE")
    return subresource == "status" and old is not None and _changes(old, new)


def _changes(old: Obj, new: Obj) -> bool:
    before, after = (((c.get("status") or {}).get("allocatedResources") or {}).get("storage") for c in (old, new))
    return before != after or _attribute_classes(old) != _attribute_classes(new)


def _shrinks(old: Obj, new: Obj, now: datetime) -> bool:
    return _attribute_classes(old) != _attribute_classes(new) or not amounts.equal(usage(old, now), usage(new, now))


MEASURE = Measure("persistentvolumeclaims", names, usage, _handles, selects, shrinks=_shrinks)
