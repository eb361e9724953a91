"""What PodSecurity does: pods keep to the level that their namespace's labels name; workloads that would not are warned of.

Source: KEP-2579, `pod-security-admission`.
"""

from __future__ import annotations

from collections.abc import Iterator

from minikctl.api.errors import invalid
from minikctl.api.meta import Obj, Objects, controller_of, get_path, labels_of, name
from minikctl.api.policy import pod_security
from minikctl.api.policy.pod_security import Level, Policy
from minikctl.apiserver.admission import Cluster, forbidden
from minikctl.apiserver.request import Attributes

MOST_PODS = 3000
"""How many existing pods are looked at when a namespace becomes stricter."""
ANNOTATION = "pod-security.kubernetes.io/"


def of_workload(a: Attributes, namespace: Obj, path: tuple[str, ...]) -> None:
    """A kind that makes pods is warned of; its pods will be refused."""
    template = get_path(a.obj, *path)
    if template is not None:
        policy, _ = pod_security.policy_of(labels_of(namespace))
        _warn(a, policy, template.get("metadata") or {}, template.get("spec") or {})


def of_pod(a: Attributes, namespace: Obj) -> None:
    """Raises ApiError Forbidden."""
    assert a.obj is not None
    if a.operation != "CREATE" and not _matters(a.obj, a.old or {}):
        return
    policy, errors = pod_security.policy_of(labels_of(namespace))
    notes = a.context.annotations
    if errors:
        notes[f"{ANNOTATION}error"] = f"Failed to parse policy: {'; '.join(map(str, errors))}"
    notes[f"{ANNOTATION}enforce-policy"] = str(policy.enforce)
    if policy.is_privileged:
        return
    metadata, spec = a.obj.get("metadata") or {}, a.obj.get("spec") or {}
    found = pod_security.evaluate(policy.enforce, metadata, spec)
    if found:
        _note(a, policy, metadata, spec)
        raise forbidden(a, f'violates PodSecurity "{policy.enforce}": {pod_security.details(found)}')
    _warn(a, policy, metadata, spec)


def _warn(a: Attributes, policy: Policy, metadata: Obj, spec: Obj) -> None:
    _note(a, policy, metadata, spec)
    found = pod_security.evaluate(policy.warn, metadata, spec)
    if found:
        a.context.warn(f'would violate PodSecurity "{policy.warn}": {pod_security.details(found)}')


def _note(a: Attributes, policy: Policy, metadata: Obj, spec: Obj) -> None:
    found = pod_security.evaluate(policy.audit, metadata, spec)
    if found:
        text = f'would violate PodSecurity "{policy.audit}": {pod_security.details(found)}'
        a.context.annotations[f"{ANNOTATION}audit-violations"] = text


def _matters(pod: Obj, old: Obj) -> bool:
    """Whether an update touches what may change and counts: images, and containers that are added."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    for kind in ("containers", "initContainers"):
        if [c.get("image") for c in spec.get(kind) or []] != [c.get("image") for c in before.get(kind) or []]:
            return True
    known = {c["name"]: c.get("image") for c in before.get("ephemeralContainers") or []}
    return any(known.get(c["name"]) != c.get("image") for c in spec.get("ephemeralContainers") or [])


# ---------------------------------------------------------------------- namespaces


def of_namespace(a: Attributes, api: Cluster) -> None:
    """Labels must be readable; who makes a namespace stricter hears of the pods in it that are too loose."""
    assert a.obj is not None
    if a.subresource:
        return
    policy, errors = pod_security.policy_of(labels_of(a.obj))
    before, old_errors = pod_security.policy_of(labels_of(a.old or {}))
    if errors and (a.old is None or errors != old_errors):
        raise invalid("Namespace", "", name(a.obj), errors)
    new, old = policy.enforce, before.enforce
    relaxed = new.version == old.version and new.strictness <= old.strictness
    if a.old is None or new.level == pod_security.PRIVILEGED or relaxed:
        return
    for text in _violations(name(a.obj), new, api.read_all("pods", name(a.obj))):
        a.context.warn(text)


def _violations(namespace: str, level: Level, pods: Objects) -> Iterator[str]:
    """Warnings about existing pods, those with the same faults together."""
    ordered = _one_of_each_owner_first(pods)
    found: dict[str, list[str]] = {}
    for pod in ordered[:MOST_PODS]:
        faults = pod_security.evaluate(level, pod["metadata"], pod.get("spec") or {})
        if faults:
            found.setdefault(pod_security.reasons(faults), []).append(name(pod))
    if len(ordered) > MOST_PODS:
        yield (
            f"new PodSecurity enforce level only checked against the first {MOST_PODS} of {len(ordered)} existing pods"
        )
    if found:
        yield f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{level}"'
    yield from sorted(f"{_and_others(names)}: {faults}" for faults, names in found.items())


def _one_of_each_owner_first(pods: Objects) -> Objects:
    seen: set[str] = set()
    first: Objects = []
    more: Objects = []
    for pod in pods:
        owner = controller_of(pod)
        (more if owner is not None and owner["uid"] in seen else first).append(pod)
        if owner is not None:
            seen.add(owner["uid"])
    return first + more


def _and_others(names: list[str]) -> str:
    others = len(names) - 1
    if not others:
        return names[0]
    return f"{min(names)} (and {others} other pod{'s' if others > 1 else ''})"
