"""The Service for a workload: its selector, its ports. Source: kubectl `cmd/expose`, `polymorphichelpers`."""

from __future__ import annotations

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, labels_of
from minikctl.kubectl.flags import Flags
from minikctl.kubectl.generators import GeneratorError, labels, number

NAME_LENGTH = 63
_EXPOSABLE = frozenset(
    {("", "ReplicationController"), ("", "Service"), ("", "Pod"), ("apps", "Deployment"), ("apps", "ReplicaSet")}
)


def expose(kind: Kind, obj: Obj, flags: Flags) -> Obj:
    """The Service that the flags and the object make together. Raises GeneratorError."""
    if (kind.group, kind.kind) not in _EXPOSABLE:
        name = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
        raise GeneratorError(f"cannot expose a {name}")
    selector = labels(flags.selector) if flags.selector else selector_of(kind, obj)
    ports = flags.port.split(",") if flags.port else ports_of(kind, obj)
    if not ports and flags.cluster_ip != "None":
        raise GeneratorError("couldn't find port via --port flag or introspection")
    metadata: Obj = {"name": flags.name or obj["metadata"]["name"][:NAME_LENGTH]}
    own = labels(flags.labels) if flags.labels else labels_of(obj)
    if own:
        metadata["labels"] = own
    spec: Obj = {"selector": selector, "ports": service_ports(ports, protocols_of(kind, obj), flags)}
    _options(spec, flags)
    return {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": spec}


def selector_of(kind: Kind, obj: Obj) -> dict[str, str]:
    """The labels by which the object finds its pods. Raises GeneratorError."""
    problem = ""
    spec = obj.get("spec") or {}
    found: dict[str, str] = {}
    if kind.kind == "Pod":
        found = labels_of(obj)
        problem = "the pod has no labels and cannot be exposed"
    elif kind.kind in ("Service", "ReplicationController"):
        found = spec.get("selector") or {}
        problem = "the service has no pod selector set"
    else:
        selector = spec.get("selector") or {}
        found = selector.get("matchLabels") or {}
        problem = f"invalid {kind.kind.lower()}: no selectors, therefore cannot be exposed"
        if found and selector.get("matchExpressions"):
            problem, found = _expressions(selector["matchExpressions"]), {}
    if not found:
        raise GeneratorError(f"couldn't retrieve selectors via --selector flag or introspection: {problem}")
    return dict(found)


def _expressions(expressions: list[Obj]) -> str:
    shown = " ".join(
        f"{{Key:{e.get('key', '')} Operator:{e.get('operator', '')} Values:[{' '.join(e.get('values') or [])}]}}"
        for e in expressions
    )
    return f'couldn\'t convert expressions - "[{shown}]" to map-based selector format'


def _declared(kind: Kind, obj: Obj) -> list[tuple[str, str]]:
    """(port, protocol) of the Service, or of all containers."""
    spec = obj.get("spec") or {}
    if kind.kind == "Service":
        return [(str(p.get("port", 0)), p.get("protocol") or "TCP") for p in spec.get("ports") or []]
    pod = spec if kind.kind == "Pod" else (spec.get("template") or {}).get("spec") or {}
    ports = [p for c in pod.get("containers") or [] for p in c.get("ports") or []]
    return [(str(p.get("containerPort", 0)), p.get("protocol") or "TCP") for p in ports]


def ports_of(kind: Kind, obj: Obj) -> list[str]:
    """Each port once."""
    return list(dict.fromkeys(port for port, _ in _declared(kind, obj)))


def protocols_of(kind: Kind, obj: Obj) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for port, protocol in _declared(kind, obj):
        found.setdefault(port, []).append(protocol)
    return found


def service_ports(ports: list[str], protocols: dict[str, list[str]], flags: Flags) -> list[Obj]:
    """One entry a port, several where a port serves several protocols and none is asked for. Raises GeneratorError."""
    out: list[Obj] = []
    for i, text in enumerate(ports, 1):
        port = number(text)
        served = [flags.protocol] if flags.protocol else protocols.get(text, ["TCP"])
        for protocol in served:
            entry: Obj = {"port": port, "protocol": protocol, "targetPort": _target(flags.target_port) or port}
            if len(served) > 1:
                entry["name"] = f"port-{i}-{protocol.lower()}"
            elif len(ports) > 1:
                entry["name"] = f"port-{i}"
            out.append(entry)
    return out


def _target(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _options(spec: Obj, flags: Flags) -> None:
    if flags.external_ip:
        spec["externalIPs"] = [flags.external_ip]
    if flags.type:
        spec["type"] = flags.type
    if flags.type == "LoadBalancer" and flags.load_balancer_ip:
        spec["loadBalancerIP"] = flags.load_balancer_ip
    if flags.session_affinity:
        if flags.session_affinity not in ("None", "ClientIP"):
            raise GeneratorError(f"unknown session affinity: {flags.session_affinity}")
        spec["sessionAffinity"] = flags.session_affinity
    if flags.cluster_ip:
        spec["clusterIP"] = flags.cluster_ip
