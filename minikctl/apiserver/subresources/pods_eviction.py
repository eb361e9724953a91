"""`pods/eviction`: a pod is deleted if its PodDisruptionBudget allows it.

The budget's status is counted down and stored before the pod goes, so that of many evictions at once no more get
through than the budget has room for. Source: Kubernetes `pkg/registry/core/pod/storage/eviction.go`; concept
"API-initiated eviction".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from minikctl.api import schema
from minikctl.api.errors import ApiError, bad_request, conflict, forbidden, too_many_requests
from minikctl.api.kind import Kind
from minikctl.api.meta import (
    Obj,
    condition_is,
    find_condition,
    generation,
    is_deleting,
    name,
    resource_version,
    timestamp,
)
from minikctl.api.policy import disruption
from minikctl.apiserver import admission, deletion
from minikctl.apiserver.request import Attributes, Context, DeleteOptions
from minikctl.apiserver.subresources import Handler

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

TRIES = 20
MAX_DISRUPTED_PODS = 2000
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
ACTOR = "kube-apiserver"


def create(api: APIServer, kind: Kind, namespace: str, pod_name: str, eviction: Obj, ctx: Context) -> Obj:
    """Delete the pod and say so. Raises ApiError: TooManyRequests (the budget), NotFound, Conflict (preconditions)."""
    eviction = _decoded(eviction)
    meta = eviction.get("metadata") or {}
    if meta.get("name") != pod_name:
        raise bad_request("name in URL does not match name in Eviction object")
    if meta.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    asked = eviction.get("deleteOptions") or {}
    ctx = ctx.with_(dry_run=ctx.dry_run or "All" in (asked.get("dryRun") or []))
    shape = ("policy", "v1", "Eviction")
    api.registry.get(kind, namespace, pod_name)
    a = Attributes("CREATE", kind, namespace, pod_name, eviction, None, ctx, "eviction", gvk=shape)
    admission.admit(a, api)
    asked = (a.obj or eviction).get("deleteOptions") or {}
    conditions = asked.get("preconditions") or {}
    options = DeleteOptions(
        grace_period=asked.get("gracePeriodSeconds"),
        propagation=asked.get("propagationPolicy") or "",
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
    )
    _evict(api, kind, namespace, pod_name, options, ctx)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _decoded(eviction: Obj) -> Obj:
    version, named = eviction.get("apiVersion") or "policy/v1", eviction.get("kind") or "Eviction"
    if version not in ("policy/v1", "policy/v1beta1") or named != "Eviction":
        raise bad_request(f"no kind {named!r} is registered for version {version!r}".replace("'", '"'))
    try:
        return schema.decode("policy/v1.Eviction", {**eviction, "apiVersion": "policy/v1"}).value
    except schema.DecodeError as e:
        raise bad_request(f'Eviction in version "v1" cannot be handled as a Eviction: {e}') from None


def _evict(api: APIServer, kind: Kind, namespace: str, pod_name: str, options: DeleteOptions, ctx: Context) -> None:
    """Ask the budget and delete; pods that no budget protects are deleted as long as nobody changes them meanwhile."""
    for attempt in range(TRIES):
        pod = api.registry.get(kind, namespace, pod_name)
        if not _is_out_of_budgets(pod):
            break
        guarded = options
        if not options.resource_version and not _is_on_its_way(pod):
            guarded = replace(options, resource_version=resource_version(pod))
        try:
            return _delete(api, kind, pod, guarded, ctx)
        except ApiError as e:
            if e.reason != "Conflict" or options.resource_version or attempt == TRIES - 1:
                raise
    budgets = disruption.of_pod(api.read_all("poddisruptionbudgets.policy", namespace), pod)
    if len(budgets) > 1:
        why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "", why)
    if not budgets:
        return _delete(api, kind, pod, options, ctx)
    if not _is_spare(budgets[0], pod):
        _count_down(api, budgets[0], pod, ctx)
        return _delete(api, kind, pod, options, ctx)
    guarded = replace(options, resource_version=options.resource_version or resource_version(pod))
    try:
        return _delete(api, kind, pod, guarded, ctx)
    except ApiError as e:
        if e.reason == "Conflict" and not options.resource_version:  # it may be ready by now: ask the budget again
            raise _being_processed(budgets[0]) from None
        raise


def _is_out_of_budgets(pod: Obj) -> bool:
    """A pod that has ended, has not begun or is leaving anyway takes nothing from a budget."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed", "Pending") or is_deleting(pod)


def _is_on_its_way(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or is_deleting(pod)


def _is_spare(budget: Obj, pod: Obj) -> bool:
    """Whether an unhealthy pod may go without asking: always, or while enough others are healthy."""
    if condition_is(pod, "Ready"):
        return False
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= desired > 0)


def _count_down(api: APIServer, budget: Obj, pod: Obj, ctx: Context) -> None:
    now = api.clock.now()

    def change(current: Obj) -> Obj:
        _refuse(current)
        status = current.get("status") or {}
        left = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1}
        if not left["disruptionsAllowed"]:
            left = disruption.with_verdict(left, now)
        noted = {**(status.get("disruptedPods") or {}), name(pod): timestamp(now)}
        return {**current, "status": {**left, "disruptedPods": noted}}

    kind = api.kind("poddisruptionbudgets.policy")
    by = ctx.with_(actor=ACTOR, field_manager="")
    api.write_raw(kind, pod["metadata"]["namespace"], name(budget), change, by)


def _refuse(budget: Obj) -> None:
    """Raises ApiError when the budget, as its controller last saw it, has no room."""
    status = budget.get("status") or {}
    if (status.get("observedGeneration") or 0) < generation(budget):
        raise _being_processed(budget)
    allowed = status.get("disruptionsAllowed") or 0
    if allowed < 0:
        raise forbidden("poddisruptionbudget", "policy", name(budget), "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or {}) > MAX_DISRUPTED_PODS:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden("poddisruptionbudget", "policy", name(budget), why)
    if allowed:
        return
    said = find_condition(status.get("conditions") or [], disruption.ALLOWED) or {}
    if said.get("status") == "False" and said.get("reason") == disruption.SYNC_FAILED:
        why = f"does not allow evicting pods currently because it failed sync: {said.get('message', '')}"
    else:
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        why = f"needs {needs} healthy pods and has {has} currently"
    raise _refusal(f"The disruption budget {name(budget)} {why}", 0)


def _being_processed(budget: Obj) -> ApiError:
    return _refusal(f"The disruption budget {name(budget)} is still being processed by the server.", 10)


def _refusal(why: str, retry_after: int) -> ApiError:
    return too_many_requests(REFUSED, retry_after, [{"reason": "DisruptionBudget", "message": why}])


def _delete(api: APIServer, kind: Kind, pod: Obj, options: DeleteOptions, ctx: Context) -> None:
    """Say on the pod why it goes, then delete it."""
    where = pod["metadata"]["namespace"], name(pod)
    if not ctx.dry_run:
        now = api.clock.now()

        def change(current: Obj) -> Obj:
            if options.uid and options.uid != current["metadata"]["uid"]:
                have = current["metadata"]["uid"]
                why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {have}"
                raise conflict("pods", "", where[1], why)
            return disruption.targeted(current, "EvictionByEvictionAPI", "Eviction API: evicting", now)

        marked = api.write_raw(kind, *where, change, ctx, expect=options.resource_version)
        if options.resource_version:
            options = replace(options, resource_version=resource_version(marked))
    deletion.delete(api.registry, kind, *where, options, ctx, admitted=True)
    if api.notifier is not None:
        api.notifier.notify()


HANDLER = Handler("pods", "eviction", create=create)
