"""In which order resources are printed. Source: kustomize's SortOrderTransformer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.resource import Gvk, Resource
from minikctl.util.errors import UsageError

FIRST = (
    *("Namespace", "ResourceQuota", "StorageClass", "CustomResourceDefinition", "ServiceAccount"),
    *("PodSecurityPolicy", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap", "Secret"),
    *("Endpoints", "Service", "LimitRange", "PriorityClass", "PersistentVolume", "PersistentVolumeClaim"),
    *("Deployment", "StatefulSet", "CronJob", "PodDisruptionBudget"),
)
LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""Kinds that others depend on come first; hooks that may refuse the others come last."""


def ordered(resources: Sequence[Resource], options: Obj | None) -> list[Resource]:
    """By `sortOptions`; without them as kubectl does it, by kind. Raises UsageError."""
    order = (options or {}).get("order") or ("legacy" if options is None else "")
    legacy = (options or {}).get("legacySortOptions")
    if order not in ("fifo", "legacy"):
        raise UsageError("the field 'sortOptions.order' must be one of [fifo, legacy]")
    if order == "fifo":
        if legacy is not None:
            raise UsageError(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'"
            )
        return list(resources)
    first, last = FIRST, LAST
    if legacy is not None:
        first, last = tuple(legacy.get("orderFirst") or ()), tuple(legacy.get("orderLast") or ())
    ranks = {**{k: i - len(first) for i, k in enumerate(first)}, **{k: i + 1 for i, k in enumerate(last)}}

    def compare(a: Resource, b: Resource) -> int:
        return -1 if _before(a, b, ranks) else 1 if _before(b, a, ranks) else 0

    return sorted(resources, key=cmp_to_key(compare))


def _before(a: Resource, b: Resource, ranks: dict[str, int]) -> bool:
    one, other = a.gvk, b.gvk
    if one == other:
        return _id_text(a) < _id_text(b)
    ranked = ranks.get(one.kind, 0), ranks.get(other.kind, 0)
    if ranked[0] != ranked[1]:
        return ranked[0] < ranked[1]
    if one.kind == other.kind == "Namespace" and not (one.group and other.group):
        return _gvk_text(one) > _gvk_text(other)
    return _gvk_text(one) < _gvk_text(other)


def _gvk_text(gvk: Gvk) -> str:
    return f"{gvk.group or '~G'}_{gvk.version or '~V'}_{gvk.kind or '~K'}"


def _id_text(resource: Resource) -> str:
    return f"{resource.gvk}|{resource.namespace or '~X'}|{resource.name or '~N'}"
