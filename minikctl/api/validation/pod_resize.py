"""`pods/resize`: how much of cpu and memory the containers of a pod ask for may change while they run (KEP-1287)."""

from __future__ import annotations

from minikctl.api.errors import field_forbidden, field_invalid
from minikctl.api.meta import Obj, annotations_of
from minikctl.api.qos import qos_class
from minikctl.api.validation import pod as pods
from minikctl.api.validation.common import Errors
from minikctl.api.validation.difference import difference
from minikctl.api.validation.pod_spec import MIRROR

RESIZABLE = ("cpu", "memory")


def validate(pod: Obj, old: Obj) -> Errors:
    """Errors of a change that touches resources and resize policies alone."""
    if MIRROR in annotations_of(old):
        return [field_forbidden("", "static pods cannot be resized")]
    spec, before = pod["spec"], old["spec"]
    if (before.get("os") or {}).get("name") == "windows":
        return [field_forbidden("", "windows pods cannot be resized")]
    errors = pods.validate(pod)
    quality = (old.get("status") or {}).get("qosClass") or qos_class(old)
    if quality != qos_class(pod):
        errors.append(field_invalid("spec", quality, "Pod QOS Class may not change as a result of resizing"))
    if not _node_can(old):
        errors.append(field_forbidden("spec", "Pod running on node without support for resize"))
    for field in ("initContainers", "containers"):
        pairs = zip(spec.get(field) or [], before.get(field) or [], strict=False)
        for i, (now, was) in enumerate(pairs):
            errors += _removed(now.get("resources"), was.get("resources"), f"spec.{field}[{i}].resources")
    errors += _removed(spec.get("resources"), before.get("resources"), "spec.resources")
    munged = _with_old_amounts(spec, before)
    if munged != before:
        shown = difference("core/v1.PodSpec", before, munged)
        errors.append(field_forbidden("spec", f"only cpu and memory resources are mutable\n{shown}"))
    return errors


def _node_can(pod: Obj) -> bool:
    """An agent that reports what running containers have can also change it."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    running = next((s for s in statuses if (s.get("state") or {}).get("running") is not None), None)
    return running is None or running.get("resources") is not None


def _removed(now: Obj | None, was: Obj | None, path: str) -> Errors:
    return [
        field_forbidden(f"{path}.{field}", f"resource {field} cannot be removed")
        for field in ("requests", "limits")
        if set((was or {}).get(field) or {}) - set((now or {}).get(field) or {})
    ]


def _with_old_amounts(spec: Obj, before: Obj) -> Obj:
    """The new spec with everything put back that may change."""
    munged = dict(spec)
    for field in ("containers", "initContainers"):
        if spec.get(field):
            pairs = zip(spec[field], before.get(field) or [], strict=False)
            munged[field] = [_put_back(now, was) for now, was in pairs]
    return _put_back(munged, before)


def _put_back(now: Obj, was: Obj) -> Obj:
    back = dict(now)
    for field in ("resources", "resizePolicy"):
        back.pop(field, None)
    if "resizePolicy" in was:
        back["resizePolicy"] = was["resizePolicy"]
    resources, old = dict(now.get("resources") or {}), was.get("resources")
    for field in ("requests", "limits"):
        kept = {k: v for k, v in (resources.get(field) or {}).items() if k not in RESIZABLE}
        amounts = kept | {k: v for k, v in ((old or {}).get(field) or {}).items() if k in RESIZABLE}
        resources[field] = amounts
        if not amounts and field not in (old or {}):
            del resources[field]
    if resources or old is not None:
        back["resources"] = resources
    return back
