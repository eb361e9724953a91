"""A container's environment variables: pure functions.

Source: Kubernetes "Define Environment Variables for a Container", "Expose Pod Information to Containers Through
Environment Variables"; kubelet `kubelet_pods.go` (makeEnvironmentVariables), `envvars/envvars.go`,
third_party/forked/golang/expansion.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from minikctl.api import quantity
from minikctl.api.meta import Obj, annotations_of, get_path, labels_of, name, namespace, uid

NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")

Find = Callable[[str], Obj | None]
"""The ConfigMap or Secret of that name in the pod's namespace."""


class ConfigError(Exception):
    """The environment cannot be made: the container waits with CreateContainerConfigError."""


@dataclass(frozen=True)
class Facts:
    """What the node knows of the pod when a container starts. allocatable: the node's, for limits that are not set."""

    pod_ips: tuple[str, ...] = ()
    host_ips: tuple[str, ...] = ()
    node_name: str = ""
    allocatable: Mapping[str, str] = field(default_factory=dict)


def make(
    pod: Obj, container: Obj, facts: Facts, config_maps: Find, secrets: Find, services: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Names and values, sorted by what wins: services, then envFrom, then env. Raises ConfigError."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        found |= _from_source(pod, source, config_maps, secrets)
    result = dict(found)
    for variable in container.get("env") or []:
        value = _value(pod, container, variable, facts, config_maps, secrets, {**services, **result})
        if value is not None:
            result[variable["name"]] = value
    return list({**services, **result}.items())


def expand(text: str, values: Mapping[str, str], missing: set[str] | None = None) -> str:
    """Replace `$(NAME)` by its value; `$$` is a dollar sign; an unknown name stays as it is written.

    `missing` gets the names that have no value, or an empty one.
    """
    out: list[str] = []
    i = 0
    while i < len(text):
        if text[i] != "$" or i + 1 == len(text):
            out.append(text[i])
            i += 1
        elif text[i + 1] == "$":
            out.append("$")
            i += 2
        elif text[i + 1] == "(" and (end := text.find(")", i)) > 0:
            known = text[i + 2 : end]
            if missing is not None and not values.get(known):
                missing.add(known)
            out.append(values.get(known, text[i : end + 1]))
            i = end + 1
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def _from_source(pod: Obj, source: Obj, config_maps: Find, secrets: Find) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    if "configMapRef" in source:
        ref, kind, find = source["configMapRef"], "configmap", config_maps
    elif "secretRef" in source:
        ref, kind, find = source["secretRef"], "secret", secrets
    else:
        return {}
    obj = find(ref["name"])
    if obj is None:
        if ref.get("optional"):
            return {}
        raise ConfigError(f'{kind} "{ref["name"]}" not found')
    return {prefix + k: v for k, v in _texts(obj, kind).items() if "=" not in k}


def _texts(obj: Obj, kind: str) -> dict[str, str]:
    data = obj.get("data") or {}
    if kind == "configmap":
        return dict(data)
    return {k: base64.b64decode(v or "").decode("utf-8", "surrogateescape") for k, v in data.items()}


def _value(
    pod: Obj,
    container: Obj,
    variable: Obj,
    facts: Facts,
    config_maps: Find,
    secrets: Find,
    known: Mapping[str, str],
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", known)
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], facts)
    if "resourceFieldRef" in source:
        return resource_value(pod, container, source["resourceFieldRef"], facts)
    if "configMapKeyRef" in source:
        return _key(pod, source["configMapKeyRef"], "configmap", "ConfigMap", config_maps)
    if "secretKeyRef" in source:
        return _key(pod, source["secretKeyRef"], "secret", "Secret", secrets)
    return None


def _key(pod: Obj, ref: Obj, kind: str, title: str, find: Find) -> str | None:
    obj = find(ref["name"])
    if obj is None:
        if ref.get("optional"):
            return None
        raise ConfigError(f'{kind} "{ref["name"]}" not found')
    texts = _texts(obj, kind)
    if ref["key"] in texts:
        return texts[ref["key"]]
    if ref.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {ref['key']} in {title} {namespace(pod)}/{ref['name']}")


def field_value(pod: Obj, path: str, facts: Facts) -> str:
    """A field of the pod as text (downward API). Raises ConfigError for a path that cannot be asked."""
    if match := _SUBSCRIPT.fullmatch(path):
        return (labels_of(pod) if match[1] == "labels" else annotations_of(pod)).get(match[2], "")
    values: dict[str, Callable[[], str]] = {
        "metadata.name": lambda: name(pod),
        "metadata.namespace": lambda: namespace(pod),
        "metadata.uid": lambda: uid(pod),
        "metadata.labels": lambda: _map_text(labels_of(pod)),
        "metadata.annotations": lambda: _map_text(annotations_of(pod)),
        "spec.nodeName": lambda: facts.node_name,
        "spec.serviceAccountName": lambda: get_path(pod, "spec", "serviceAccountName", default=""),
        "status.hostIP": lambda: facts.host_ips[0] if facts.host_ips else "",
        "status.hostIPs": lambda: ",".join(facts.host_ips),
        "status.podIP": lambda: facts.pod_ips[0] if facts.pod_ips else "",
        "status.podIPs": lambda: ",".join(facts.pod_ips),
    }
    if path not in values:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return values[path]()


def _map_text(values: Mapping[str, str]) -> str:
    """One `key="value"` a line, sorted, as the downward API writes maps."""
    import json

    return "\n".join(f"{k}={json.dumps(values[k], ensure_ascii=False)}" for k in sorted(values))


def resource_value(pod: Obj, container: Obj, ref: Obj, facts: Facts) -> str:
    """A request or limit, divided and rounded up; the node's allocatable where no limit is set. Raises ConfigError."""
    target = container
    if ref.get("containerName"):
        everyone = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        named = next((c for c in everyone if c["name"] == ref["containerName"]), None)
        if named is None:
            raise ConfigError(f"Container {ref['containerName']} not found in pod {name(pod)}")
        target = named
    kind, _, resource = ref["resource"].partition(".")
    amount = get_path(target, "resources", kind, resource)
    if amount is None:
        amount = facts.allocatable.get(resource, "0") if kind == "limits" else "0"
    divisor = quantity.parse(ref.get("divisor") or "1") or quantity.NANO
    return str(-(-quantity.parse(amount) // divisor))


# ---------------------------------------------------------------------- services


def service_variables(services: Iterable[Obj], pod_namespace: str, links: bool = True) -> dict[str, str]:
    """The variables of the Services that a pod sees: those of its namespace, and always `kubernetes` of default."""
    found: dict[str, str] = {}
    own = pod_namespace if links else None
    chosen = [s for s in services if namespace(s) == own or _is_master(s)]
    for service in sorted(chosen, key=lambda s: (not _is_master(s), name(s))):
        if _is_master(service) and own != "default" and name(service) in {name(s) for s in chosen if s is not service}:
            continue
        found |= _service(service)
    return found


def _is_master(service: Obj) -> bool:
    return namespace(service) == "default" and name(service) == "kubernetes"


def _service(service: Obj) -> dict[str, str]:
    ip, ports = get_path(service, "spec", "clusterIP"), get_path(service, "spec", "ports", default=[])
    if not ip or ip == "None" or not ports:
        return {}
    prefix = _variable(name(service))
    host = f"[{ip}]" if ":" in ip else ip
    found = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            found[f"{prefix}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
    for i, port in enumerate(ports):
        protocol = port.get("protocol") or "TCP"
        url = f"{protocol.lower()}://{host}:{port['port']}"
        if i == 0:
            found[f"{prefix}_PORT"] = url
        each = f"{prefix}_PORT_{port['port']}_{protocol.upper()}"
        found |= {each: url, f"{each}_PROTO": protocol.lower(), f"{each}_PORT": str(port["port"]), f"{each}_ADDR": ip}
    return found


def _variable(text: str) -> str:
    return text.upper().replace("-", "_")
