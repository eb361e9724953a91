"""The sums: what a request would use of which quota, whether that fits, and what a namespace uses in all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from minikctl.api.meta import Obj, Objects, name
from minikctl.api.policy import amounts
from minikctl.api.policy.amounts import Amounts
from minikctl.api.policy.quota import scopes
from minikctl.api.policy.quota.measures import Measure, measure_of, resource_of


class Refused(Exception):
    """The request does not fit; the message says which quota and why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a quota is asked: the object before and after, and how it is measured. `old` is None for a creation."""

    measure: Measure
    obj: Obj
    old: Obj | None
    now: datetime


# ---------------------------------------------------------------------- admission


def demands(quotas: Iterable[Obj], request: Request) -> list[tuple[Obj, Amounts]]:
    """The quotas that the request concerns, each with what it would use more of it. Raises Refused.

    A quota whose usage nobody has counted yet refuses everything that it concerns.
    """
    concerned = [q for q in quotas if _concerns(q, request.measure, request.obj)]
    for quota in concerned:
        _check_measurable(quota, request)
    if not concerned:
        return []
    wanted = request.measure.usage(request.obj, request.now)
    below = amounts.negative(wanted)
    if below:
        raise Refused(f"quota usage is negative for resource(s): {','.join(below)}")
    found = []
    for quota in concerned:
        more = wanted
        if request.old is not None and _concerns(quota, request.measure, request.old):
            more = amounts.subtract(wanted, request.measure.usage(request.old, request.now))
        more = amounts.without_zeros(more)
        if more:
            found.append((quota, amounts.mask(more, _status(quota, "hard"))))
    return found


def charged(quota: Obj, more: Amounts) -> Amounts:
    """The quota's usage with `more` in it. Raises Refused when that is too much."""
    hard, used = _status(quota, "hard"), _status(quota, "used")
    after = amounts.add(used, more)
    over = amounts.exceeding(amounts.mask(after, more), hard)
    if over:
        requested, in_use, limited = (amounts.shown(amounts.mask(part, over)) for part in (more, used, hard))
        raise Refused(
            f"exceeded quota: {name(quota)}, requested: {requested}, used: {in_use}, limited: {limited}",
        )
    return after


def with_used(quota: Obj, used: Amounts) -> Obj:
    """A copy with this usage in its status."""
    return {**quota, "status": {**(quota.get("status") or {}), "used": dict(sorted(used.items()))}}


def _status(quota: Obj, field: str) -> Amounts:
    return (quota.get("status") or {}).get(field) or {}


def _concerns(quota: Obj, measure: Measure, obj: Obj) -> bool:
    if not any(measure.names(n) for n in _status(quota, "hard")):
        return False
    return all(measure.selects(s, obj) for s in scopes.of_quota(quota))


def _check_measurable(quota: Obj, request: Request) -> None:
    names = sorted(n for n in _status(quota, "hard") if request.measure.names(n))
    why = request.measure.constraint(names, request.obj)
    if why:
        raise Refused(f"failed quota: {name(quota)}: {why}")
    if any(n not in _status(quota, "used") for n in names):
        raise Refused(f"status unknown for quota: {name(quota)}, resources: {','.join(names)}")


# ---------------------------------------------------------------------- counting


def tracked(quota: Obj) -> set[str]:
    """The resources that the quota is about: `pods`, `deployments.apps`."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    return {r for n in hard if (r := resource_of(n))}


def count(quota: Obj, objects_of: Callable[[str], Objects | None], now: datetime) -> Amounts:
    """What the namespace's objects use of a quota, by the names of its `spec.hard`.

    objects_of(resource) lists them, None for a resource that is not served: its names keep what is known of them.
    """
    hard = (quota.get("spec") or {}).get("hard") or {}
    used = amounts.mask(_status(quota, "used"), hard)
    selectors = scopes.of_quota(quota)
    for resource in sorted(tracked(quota)):
        plural, _, group = resource.partition(".")
        measure, objects = measure_of(plural, group), objects_of(resource)
        if measure is None or objects is None:
            continue
        names = [n for n in hard if measure.names(n)]
        total = dict.fromkeys(names, "0")
        for obj in objects:
            if all(measure.selects(s, obj) for s in selectors):
                total = amounts.add(total, amounts.mask(measure.usage(obj, now), total))
        used |= total
    return used
