"""How each resource is measured. A resource without a file of its own counts as objects: `count/deployments.apps`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from minikctl.api.errors import qualified
from minikctl.api.meta import Obj
from minikctl.api.policy.amounts import Amounts

IGNORED = frozenset({"events", "events.events.k8s.io"})
"""Resources that quotas leave alone."""
_ALIASED = frozenset({"configmaps", "resourcequotas", "replicationcontrollers", "secrets"})
"""Resources that quotas also know by their bare name."""


def no_scope(_scope: Obj, _obj: Obj) -> bool:
    """For resources that no scope can select."""
    return False


@dataclass(frozen=True, slots=True)
class Measure:
    """How one resource is measured.

    names(n): whether a quota's resource name is about it. usage(object, now): all that an object uses.
    handles(operation, subresource, new, old): whether a request can change that.
    selects(scope, object): whether a scope (a ScopedResourceSelectorRequirement) takes the object in.
    constraint(names, object): why the object cannot be measured in these names, empty when it can.
    shrinks(old, new): whether an update gives something back, so that the quota is to be counted anew.
    """

    resource: str
    names: Callable[[str], bool]
    usage: Callable[[Obj, datetime], Amounts]
    handles: Callable[[str, str, Obj, Obj | None], bool]
    selects: Callable[[Obj, Obj], bool] = no_scope
    constraint: Callable[[list[str], Obj], str] = lambda _names, _obj: ""
    shrinks: Callable[[Obj, Obj, datetime], bool] = lambda _old, _new, _now: False


def count_name(resource: str) -> str:
    return f"count/{resource}"


@cache
def measure_of(plural: str, group: str) -> Measure | None:
    """The measure of a resource; None for those that are left alone."""
    from minikctl.api.policy.quota import claims, pods, services

    resource = qualified(plural, group)
    if resource in IGNORED:
        return None
    special = {m.resource: m for m in (pods.MEASURE, services.MEASURE, claims.MEASURE)}
    return special.get(resource) or _counting(resource)


def _counting(resource: str) -> Measure:
    counted = {count_name(resource): "1"} | ({resource: "1"} if resource in _ALIASED else {})
    return Measure(
        resource,
        names=counted.__contains__,
        usage=lambda _obj, _now: dict(counted),
        handles=lambda operation, subresource, _new, _old: operation == "CREATE" and not subresource,
    )


def resource_of(name: str) -> str:
    """The resource that a quota's resource name is about: `limits.cpu` → `pods`; empty when nothing measures it."""
    from minikctl.api.policy.quota import claims, pods, services

    if name.startswith("count/"):
        return name.removeprefix("count/")
    for measure in (pods.MEASURE, services.MEASURE, claims.MEASURE):
        if measure.names(name):
            return measure.resource
    return name if name in _ALIASED else ""
