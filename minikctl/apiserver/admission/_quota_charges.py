"""What ResourceQuota does: a request that would exceed a quota of its namespace is refused; others are charged to it at once.

The charge is a conditional write to the quota's status, decided anew on every version that it meets: of any number of
requests at the same time, in any number of processes, no more are let through than fit. What a request is charged for
and then does not store is given back when the quota controller counts.
"""

from __future__ import annotations

import threading
from collections import defaultdict

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, name
from minikctl.api.policy import amounts
from minikctl.api.policy.amounts import Amounts
from minikctl.api.policy.quota import accounting
from minikctl.api.policy.quota.accounting import Refused, Request
from minikctl.api.policy.quota.measures import measure_of
from minikctl.apiserver.admission import Cluster, forbidden
from minikctl.apiserver.request import Attributes, Context

ACTOR = "kube-apiserver"
_turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
"""By namespace: threads of one process take turns instead of running into each other's writes."""


def charge(quotas: Objects, a: Attributes, api: Cluster) -> None:
    """Raises ApiError Forbidden."""
    assert a.obj is not None
    measure = measure_of(a.kind.plural, a.kind.group)
    if measure is None or not measure.handles(a.operation, a.subresource, a.obj, a.old):
        return
    request = Request(measure, a.obj, a.old, api.clock.now())
    try:
        wanted = accounting.demands(quotas, request)
        for quota, more in wanted:
            _check(quota, more, a.subresource)
        if wanted and not a.context.dry_run:
            with _turns[a.namespace]:
                _charge_all(wanted, a, api)
    except Refused as e:
        raise forbidden(a, str(e)) from None


def _check(quota: Obj, more: Amounts, subresource: str) -> Amounts:
    """The usage afterwards. What a status already is cannot be refused any more."""
    if subresource == "status":
        return amounts.add((quota.get("status") or {}).get("used") or {}, more)
    return accounting.charged(quota, more)


def _charge_all(wanted: list[tuple[Obj, Amounts]], a: Attributes, api: Cluster) -> None:
    done: list[tuple[Obj, Amounts]] = []
    try:
        for quota, more in wanted:
            _charge(quota, more, a, api)
            done.append((quota, more))
    except Refused:
        for quota, more in done:
            _charge(quota, amounts.negated(more), a, api, subresource="status")
        raise


def _charge(quota: Obj, more: Amounts, a: Attributes, api: Cluster, subresource: str = "") -> None:
    def change(current: Obj) -> Obj:
        return accounting.with_used(current, _check(current, more, subresource or a.subresource))

    by = Context(user=a.context.user, actor=ACTOR, because=a.context.because)
    try:
        api.write_raw(api.kind("resourcequotas"), a.namespace, name(quota), change, by)
    except ApiError as e:
        if e.reason != "NotFound":  # a quota that is gone by now limits nobody
            raise
