"""What the server warns about in pods and pod templates. Source: Kubernetes `pkg/api/pod/warnings.go`."""

from __future__ import annotations

from collections.abc import Iterator

from minikctl.api import quantity
from minikctl.api.meta import Obj, annotations_of
from minikctl.api.names import dns_label

_OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}


def of_pod(pod: Obj) -> list[str]:
    return [*_unfit_name(pod, "the Pod's hostname"), *_warnings(pod, "")]


def of_template(template: Obj | None, path: str) -> list[str]:
    return list(_warnings(template or {}, f"{path}."))


def of_workload(obj: Obj) -> list[str]:
    """What holds a template in spec.template and names its pods after itself."""
    template = (obj.get("spec") or {}).get("template")
    return [*_unfit_name(obj, "Pod names and hostnames"), *of_template(template, "spec.template")]


def _unfit_name(obj: Obj, where: str) -> list[str]:
    """New objects only: the name is a fine one, but no hostname."""
    problems = [] if obj["metadata"].get("resourceVersion") else dns_label(obj["metadata"].get("name") or "")
    if not problems:
        return []
    return [
        f"metadata.name: this is used in {where}, which can result in surprising behavior; "
        f"a DNS label is recommended: [{' '.join(problems)}]"
    ]


def _warnings(pod: Obj, at: str) -> Iterator[str]:
    """`at`: "" or a path that ends with a dot."""
    spec = pod.get("spec") or {}
    yield from _node_labels(spec, f"{at}spec")
    for key, text in _OLD_ANNOTATIONS.items():
        if key in annotations_of(pod):
            yield f"{at}metadata.annotations[{key}]: {text}"
    for i, volume in enumerate(spec.get("volumes") or []):
        for kind, text in _OLD_VOLUMES.items():
            if volume.get(kind) is not None:
                yield f"{at}spec.volumes[{i}].{'storageOS' if kind == 'storageos' else kind}: {text}"
    yield from _duplicates(spec.get("hostAliases") or [], "ip", f"{at}spec.hostAliases")
    secrets = spec.get("imagePullSecrets") or []
    yield from _duplicates(secrets, "name", f"{at}spec.imagePullSecrets")
    for i, secret in enumerate(secrets):
        if not secret.get("name"):
            yield f'{at}spec.imagePullSecrets[{i}].name: invalid empty name ""'
    yield from _fractional(spec.get("overhead"), f"{at}spec.overhead")
    for container, path in _containers(spec, f"{at}spec"):
        for kind in ("limits", "requests"):
            yield from _fractional((container.get("resources") or {}).get(kind), f"{path}.resources.{kind}")
        yield from _hidden_variables(container.get("env") or [], f"{path}.env")
    yield from _ports(spec, f"{at}spec")
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        yield (
            f"{at}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        )


def _containers(spec: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for i, container in enumerate(spec.get(kind) or []):
            yield container, f"{path}.{kind}[{i}]"


def _node_labels(spec: Obj, path: str) -> Iterator[str]:
    for key in sorted(spec.get("nodeSelector") or {}):
        if key in _OLD_LABELS:
            yield f"{path}.nodeSelector[{key}]: {_OLD_LABELS[key]}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    at = f"{path}.affinity.nodeAffinity"
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = [
        (t, f"{at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{i}]")
        for i, t in enumerate(required.get("nodeSelectorTerms") or [])
    ]
    terms += [
        (p.get("preference") or {}, f"{at}.preferredDuringSchedulingIgnoredDuringExecution[{i}].preference")
        for i, p in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or [])
    ]
    for term, where in terms:
        for i, expression in enumerate(term.get("matchExpressions") or []):
            key = expression.get("key")
            if key in _OLD_LABELS:
                yield f"{where}.matchExpressions[{i}].key: {key} is {_OLD_LABELS[key]}"
    for i, constraint in enumerate(spec.get("topologySpreadConstraints") or []):
        where, key = f"{path}.topologySpreadConstraints[{i}]", constraint.get("topologyKey")
        if key in _OLD_LABELS:
            yield f"{where}.topologyKey: {key} is {_OLD_LABELS[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{where}.labelSelector: a null labelSelector results in matching no pod"


def _duplicates(items: list[Obj], field: str, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, item in enumerate(items):
        value = item.get(field) or ""
        if value in seen:
            yield f'{path}[{i}].{field}: duplicate {field} "{value}"'
        seen.add(value)


def _fractional(amounts: dict[str, str] | None, path: str) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        text = (amounts or {}).get(name)
        if text is not None and quantity.parse(text) % quantity.NANO:
            yield f'{path}[{name}]: fractional byte value "{text}" is invalid, must be an integer'


def _hidden_variables(variables: list[Obj], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, variable in enumerate(variables):
        name, value = variable.get("name") or "", variable.get("value") or ""
        reference = f"$({name})"
        builds_on_it = variable.get("valueFrom") is None and value != reference and reference in value
        if name in seen and not builds_on_it:
            yield f'{path}[{i}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _ports(spec: Obj, path: str) -> Iterator[str]:
    seen: dict[str, list[tuple[str, str, int]]] = {}
    for container, where in _containers(spec, path):
        for i, port in enumerate(container.get("ports") or []):
            at, host_ip, host_port = f"{where}.ports[{i}]", port.get("hostIP") or "", port.get("hostPort") or 0
            key = f"{port.get('containerPort')}/{port.get('protocol')}"
            for other, other_ip, other_port in seen.get(key, []):
                if (host_ip, host_port) == (other_ip, other_port):
                    yield f"{at}: duplicate port definition with {other}"
                elif not host_port or not other_port or (host_port == other_port and "" in (host_ip, other_ip)):
                    yield f"{at}: overlapping port definition with {other}"
            seen.setdefault(key, []).append((at, host_ip, host_port))
