"""StatefulSets and the ControllerRevisions that remember their templates. Source: Kubernetes `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import FieldError, field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label
from minikctl.api.validation import label_selector, persistent_volume_claim, pod_spec, workloads
from minikctl.api.validation.common import (
    Errors,
    all_invalid,
    all_nonnegative,
    amount,
    at_most_100_percent,
    immutable,
    int_or_percent,
    nonnegative,
    not_decremented,
    status_counts,
)
from minikctl.util.jsonio import go_json

_CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_FIXED = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = _management(spec.get("podManagementPolicy") or "")
    errors += _strategy(spec.get("updateStrategy") or {})
    errors += _retention(spec.get("persistentVolumeClaimRetentionPolicy"))
    errors += _claims(spec.get("volumeClaimTemplates") or [])
    errors += all_nonnegative(spec, ("replicas", "minReadySeconds"), "spec")
    errors += nonnegative(spec.get("ordinals") or {}, "start", "spec.ordinals.start")
    errors += workloads.selector(spec, "statefulset")
    if spec.get("serviceName"):
        errors += all_invalid(dns_label, spec["serviceName"], "spec.serviceName")
    return errors + _template(spec) + workloads.always_running(spec, "StatefulSet")


def _management(policy: str) -> Errors:
    at = "spec.podManagementPolicy"
    if not policy:
        return [field_required(at)]
    if policy in ("OrderedReady", "Parallel"):
        return []
    return [field_invalid(at, policy, "must be 'OrderedReady' or 'Parallel'")]


def _strategy(strategy: Obj) -> Errors:
    at, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    match strategy.get("type") or "":
        case "":
            return [field_required(at)]
        case "OnDelete":
            if rolling is None:
                return []
            why = "only allowed for updateStrategy 'RollingUpdate'"
            return [FieldError("FieldValueInvalid", f"{at}.rollingUpdate", why, go_json(_internal(rolling)))]
        case "RollingUpdate":
            return _rolling(rolling or {}, f"{at}.rollingUpdate")
    shown = go_json({"Type": strategy["type"], "RollingUpdate": rolling and _internal(rolling)})
    return [FieldError("FieldValueInvalid", at, "must be 'RollingUpdate' or 'OnDelete'", shown)]


def _internal(rolling: Obj) -> Obj:
    return {"Partition": rolling.get("partition") or 0, "MaxUnavailable": rolling.get("maxUnavailable")}


def _rolling(rolling: Obj, path: str) -> Errors:
    errors = nonnegative(rolling, "partition", f"{path}.partition")
    unavailable: Any = rolling.get("maxUnavailable")
    if unavailable is None:
        return errors
    at = f"{path}.maxUnavailable"
    errors += int_or_percent(unavailable, at)
    if amount(unavailable) == 0:
        errors.append(field_invalid(at, unavailable, "cannot be 0"))
    return errors + at_most_100_percent(unavailable, at)


def _retention(policy: Obj | None) -> Errors:
    if policy is None:
        return []
    choices = ["Retain", "Delete"]
    return [
        field_not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{f}", policy.get(f) or "", choices)
        for f in ("whenDeleted", "whenScaled")
        if policy.get(f) not in choices
    ]


def _claims(templates: list[Obj]) -> Errors:
    errors: Errors = []
    for i, claim in enumerate(templates):
        spec = claim.get("spec") or {}
        errors += persistent_volume_claim.validate_spec(spec, f"spec.volumeClaimTemplates[{i}].spec")
    return errors


def _template(spec: Obj) -> Errors:
    """The pod template, with the volumes that come from claims."""
    if label_selector.parsed(spec.get("selector")) is None:
        return [field_invalid("spec.selector", spec.get("selector"), "")]
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    claims = [(c.get("metadata") or {}).get("name") or "" for c in spec.get("volumeClaimTemplates") or []]
    volumes = [v for v in pod.get("volumes") or [] if v.get("name") not in claims]
    volumes += [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    whole = {**template, "spec": {**pod, "volumes": volumes}}
    return workloads.matching(spec) + pod_spec.template(whole, "spec.template")


def validate_update(obj: Obj, old: Obj) -> Errors:
    errors = validate(obj)
    spec, before = ({k: v for k, v in (o.get("spec") or {}).items() if k not in _CHANGEABLE} for o in (obj, old))
    return errors if spec == before else [*errors, field_forbidden("spec", _FIXED)]


def validate_status(obj: Obj, old: Obj) -> Errors:
    status = obj.get("status") or {}
    counters = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    errors = all_nonnegative(status, (*counters, "observedGeneration", "collisionCount"), "status")
    errors += status_counts(status, dict.fromkeys(counters[1:], ("replicas", "status.replicas")))
    errors += status_counts(status, {"availableReplicas": ("readyReplicas", "status.readyReplicas")})
    return errors + not_decremented(status, old.get("status") or {}, "collisionCount")


def validate_revision(obj: Obj) -> Errors:
    """A ControllerRevision."""
    errors: Errors = [] if obj.get("data") is not None else [field_required("data", "data is mandatory")]
    return errors + nonnegative(obj, "revision", "revision")


def validate_revision_update(obj: Obj, old: Obj) -> Errors:
    return validate_revision(obj) + immutable(obj.get("data"), old.get("data"), "data")
