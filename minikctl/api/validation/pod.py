"""Pods: creation, and the little that may change afterwards. Source: Kubernetes `ValidatePodCreate`, `ValidatePodUpdate`."""

from __future__ import annotations

from minikctl.api.errors import field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj, annotations_of, name
from minikctl.api.names import dns_subdomain, qualified_name
from minikctl.api.qos import qos_class
from minikctl.api.restart_rules import may_restart_all, restarts_after
from minikctl.api.validation import containers, net, pod_spec, scheduling
from minikctl.api.validation.common import MAX_INT32, Errors, all_invalid, in_range
from minikctl.api.validation.difference import difference

_CHANGEABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate(pod: Obj) -> Errors:
    """What must hold for every pod, new or changed."""
    spec = pod.get("spec") or {}
    errors = pod_spec.pod_annotations(pod.get("metadata") or {}, spec, "metadata.annotations")
    errors += pod_spec.validate(spec, "spec", pod_name=name(pod), is_pod=True)
    if not spec.get("serviceAccountName"):
        errors += _tokens_without_account(spec)
    for kind in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(kind) or []):
            errors += containers.untrimmed_image(container, f"spec.{kind}[{i}]")
    return errors


def validate_new(pod: Obj) -> Errors:
    errors = validate(pod)
    spec = pod.get("spec") or {}
    if spec.get("ephemeralContainers"):
        errors.append(field_forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(field_forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    return errors


def _tokens_without_account(spec: Obj) -> Errors:
    return [
        field_forbidden(
            f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken",
            "must not be specified when serviceAccountName is not set",
        )
        for i, volume in enumerate(spec.get("volumes") or [])
        for j, source in enumerate((volume.get("projected") or {}).get("sources") or [])
        if source.get("serviceAccountToken") is not None
    ]


# ---------------------------------------------------------------------- update


def validate_update(pod: Obj, old: Obj) -> Errors:
    """A pod's spec stays as it is, but for images, a shorter deadline, more tolerations, fewer gates."""
    errors = validate(pod) + _mirror_annotation(pod, old)
    spec, before = pod["spec"], old["spec"]
    for kind in ("containers", "initContainers"):
        found, stop = _containers(spec.get(kind) or [], before.get(kind) or [], f"spec.{kind}")
        errors += found
        if stop:
            return errors
    deadline, stop = _deadline(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    errors += deadline
    if stop:
        return errors
    errors += _tolerations(spec.get("tolerations") or [], before.get("tolerations") or [])
    errors += _gates(spec.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if spec == before:
        return errors
    if qos_class(old) != qos_class(pod):
        was = (old.get("status") or {}).get("qosClass", "")
        errors.append(field_invalid("metadata", was, "Pod QoS is immutable"))
    return errors + _rest(spec, before)


def _mirror_annotation(pod: Obj, old: Obj) -> Errors:
    now, before = annotations_of(pod).get(pod_spec.MIRROR), annotations_of(old).get(pod_spec.MIRROR)
    if now == before:
        return []
    verb = "add" if before is None else "remove or update"
    return [field_forbidden(f"metadata.annotations[{pod_spec.MIRROR}]", f"may not {verb} mirror pod annotation")]


def _containers(new: list[Obj], old: list[Obj], path: str) -> tuple[Errors, bool]:
    """Errors, and whether comparing on makes no sense."""
    if len(new) != len(old):
        return [field_forbidden(path, "pod updates may not add or remove containers")], True
    errors: Errors = []
    for i, container in enumerate(new):
        if not container.get("image"):
            errors.append(field_required(f"{path}[{i}].image"))
        errors += containers.untrimmed_image(container, f"{path}[{i}]")
    return errors, False


def _deadline(new: int | None, old: int | None) -> tuple[Errors, bool]:
    at = "spec.activeDeadlineSeconds"
    if new is None:
        if old is None:
            return [], False
        return [field_invalid(at, None, "must not update from a positive integer to nil value")], False
    if not 0 <= new <= MAX_INT32:
        return [field_invalid(at, new, in_range(0, MAX_INT32))], True
    if old is not None and old < new:
        return [field_invalid(at, new, "must be less than or equal to previous value")], True
    return [], False


def _tolerations(new: list[Obj], old: list[Obj]) -> Errors:
    def timeless(toleration: Obj) -> Obj:
        return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}

    kept = [timeless(t) for t in new]
    if any(timeless(t) not in kept for t in old):
        why = "existing toleration can not be modified except its tolerationSeconds"
        return [field_forbidden("spec.tolerations", why)]
    return scheduling.tolerations(new, "spec.tolerations")


def _gates(new: list[Obj], old: list[Obj]) -> Errors:
    before = {g.get("name") for g in old}
    return [
        field_forbidden(
            f"spec.schedulingGates[{i}].name",
            f"only deletion is allowed, but found new scheduling gate '{g.get('name')}'",
        )
        for i, g in enumerate(new)
        if g.get("name") not in before
    ]


def _rest(spec: Obj, before: Obj) -> Errors:
    """Everything else must be equal."""
    errors: Errors = []
    munged = dict(spec)
    for kind in ("containers", "initContainers"):
        if before.get(kind):
            pairs = zip(spec.get(kind) or [], before[kind], strict=True)
            munged[kind] = [{**new, "image": old.get("image", "")} for new, old in pairs]
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _take_over(munged, before, field)
    if int(before.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        _take_over(munged, before, "terminationGracePeriodSeconds")
    if before.get("schedulingGates"):
        errors += _gated(munged, before)
    if munged != before:
        shown = difference("core/v1.PodSpec", before, munged)
        errors.append(field_forbidden("spec", f"pod updates may not change fields other than {_CHANGEABLE}\n{shown}"))
    return errors


def _take_over(munged: Obj, before: Obj, field: str) -> None:
    if field in before:
        munged[field] = before[field]
    else:
        munged.pop(field, None)


def _gated(munged: Obj, before: Obj) -> Errors:
    """A pod that is held back may still be given a narrower choice of nodes (KEP-3838)."""
    errors: Errors = []
    selector, old_selector = munged.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if selector != old_selector:
        at = "spec.nodeSelector"
        changed = [k for k, v in old_selector.items() if selector.get(k) != v]
        if changed:
            why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            errors.append(field_invalid(at, selector, why))
        _take_over(munged, before, "nodeSelector")
    affinity, old_affinity = munged.get("affinity") or {}, before.get("affinity") or {}
    if affinity.get("nodeAffinity") != old_affinity.get("nodeAffinity"):
        rest = {k: v for k, v in affinity.items() if k != "nodeAffinity"}
        old_rest = {k: v for k, v in old_affinity.items() if k != "nodeAffinity"}
        if rest == old_rest:
            _take_over(munged, before, "affinity")
    return errors


# ---------------------------------------------------------------------- status and ephemeral containers


def validate_status_update(pod: Obj, old: Obj) -> Errors:
    status, before = pod.get("status") or {}, old.get("status") or {}
    errors: Errors = []
    for i, condition in enumerate(status.get("conditions") or []):
        errors += all_invalid(qualified_name, condition.get("type") or "", f"metadata.conditions[{i}].Type")
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != before.get("nominatedNodeName"):
        errors += all_invalid(dns_subdomain, nominated, "status.nominatedNodeName")
    for field in ("containerStatuses", "initContainerStatuses"):
        errors += _transitions(status.get(field) or [], before.get(field) or [], old["spec"], f"status.{field}")
    for field in ("podIPs", "hostIPs"):
        for i, entry in enumerate(status.get(field) or []):
            errors += net.ip(entry.get("ip") or "", f"status.{field}[{i}]")
    return errors


def _transitions(new: list[Obj], old: list[Obj], spec: Obj, path: str) -> Errors:
    """A container that has ended for good does not come back."""
    policy = spec.get("restartPolicy", "Always")
    specs = {c["name"]: c for c in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]}
    if policy == "Always" or any(map(may_restart_all, specs.values())):
        return []
    errors: Errors = []
    for i, before in enumerate(old):
        ended = (before.get("state") or {}).get("terminated")
        container = specs.get(before.get("name") or "", {})
        if ended is None or restarts_after(container, policy, ended.get("exitCode") or 0):
            continue
        for after in new:
            if after.get("name") == before.get("name") and not (after.get("state") or {}).get("terminated"):
                why = "may not be transitioned to non-terminated state"
                errors.append(field_forbidden(f"{path}[{i}].state", why))
    return errors


def validate_ephemeral_containers(pod: Obj, old: Obj) -> Errors:
    """An update of `pods/ephemeralcontainers`: containers are added, never changed or removed (KEP-277)."""
    if pod_spec.MIRROR in annotations_of(old):
        return [field_forbidden("", "static pods do not support ephemeral containers")]
    errors = validate(pod)
    now = {c.get("name"): c for c in pod["spec"].get("ephemeralContainers") or []}
    for container in old["spec"].get("ephemeralContainers") or []:
        given = now.get(container.get("name"))
        if given == container:
            continue
        at, named = "spec.ephemeralContainers", f'existing ephemeral containers "{container.get("name")}"'
        if given is None:
            errors.append(field_forbidden(at, f"{named} may not be removed\n"))
        else:
            shown = difference("core/v1.EphemeralContainer", container, given)
            errors.append(field_forbidden(at, f"{named} may not be changed\n{shown}"))
    return errors
