"""Service: one name and address for a set of pods.

Source: Kubernetes `pkg/registry/core/service` (which fields follow from others), `pkg/apis/core/v1/defaults.go`.
A Service is a union by spec.type; a change of the type drops what the new type has no use for, when the client left
those fields as they were. Addresses themselves are handed out by `minikctl.apiserver.services`.
"""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label

CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME = "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"
HEADLESS = "None"
CLIENT_IP_TIMEOUT = 10800
IPV4, IPV6 = "IPv4", "IPv6"


def is_headless(spec: Obj) -> bool:
    return bool(spec.get("clusterIP") == HEADLESS or (spec.get("clusterIPs") or [""])[0] == HEADLESS)


def is_external(spec: Obj) -> bool:
    """Whether traffic from outside the cluster can reach it."""
    kind = spec.get("type")
    return kind in (NODE_PORT, LOAD_BALANCER) or (kind == CLUSTER_IP and bool(spec.get("externalIPs")))


def needs_cluster_ip(spec: Obj) -> bool:
    return bool(spec.get("type") != EXTERNAL_NAME)


def needs_node_ports(spec: Obj) -> bool:
    if spec.get("type") == LOAD_BALANCER:
        return spec.get("allocateLoadBalancerNodePorts", True) is not False
    return bool(spec.get("type") == NODE_PORT)


def needs_health_check_port(spec: Obj) -> bool:
    return bool(spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local")


# ---------------------------------------------------------------------- defaults


def default(obj: Obj) -> None:
    spec = obj["spec"]
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        if (config.get("clientIP") or {}).get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": CLIENT_IP_TIMEOUT}}
    if not spec.get("type"):
        spec["type"] = CLUSTER_IP
    for port in spec.get("ports") or []:
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if is_external(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == LOAD_BALANCER:
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def prepare_status_update(obj: Obj, _old: Obj) -> None:
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    if balancer.get("ingress"):
        shown = [{**i, "ipMode": i.get("ipMode", "VIP")} if i.get("ip") else i for i in balancer["ingress"]]
        obj["status"] = {**obj["status"], "loadBalancer": {**balancer, "ingress": shown}}


# ---------------------------------------------------------------------- fields that follow from others


def keep_allocated(spec: Obj, old: Obj) -> None:
    """Take over what the server once gave the Service and an update left out."""
    if needs_cluster_ip(old) and needs_cluster_ip(spec):
        if not spec.get("clusterIP") and old.get("clusterIP"):
            spec["clusterIP"] = old["clusterIP"]
        if not spec.get("clusterIPs") and spec.get("clusterIP") == old.get("clusterIP") and old.get("clusterIPs"):
            spec["clusterIPs"] = list(old["clusterIPs"])
    if needs_node_ports(old) and needs_node_ports(spec):
        _keep_node_ports(spec.get("ports") or [], old.get("ports") or [])
    if needs_health_check_port(old) and needs_health_check_port(spec) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old.get("healthCheckNodePort", 0)


def _keep_node_ports(ports: list[Obj], old: list[Obj]) -> None:
    held = {p.get("name", ""): p.get("nodePort", 0) for p in old}
    used = {p.get("nodePort", 0) for p in old} & {p.get("nodePort", 0) for p in ports} - {0}
    for port in ports:
        before = held.get(port.get("name", ""), 0)
        if not port.get("nodePort") and before and before not in used:
            port["nodePort"] = before
            used.add(before)


def sync_cluster_ips(spec: Obj, old: Obj | None) -> None:
    """clusterIP is the first of clusterIPs; whoever sets one of them means both."""
    one, many = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if old is None:
        if one and not many:
            spec["clusterIPs"] = [one]
        return
    old_one, old_many = old.get("clusterIP") or "", old.get("clusterIPs") or []
    if one == old_one or many != old_many:
        if one and not many:
            spec["clusterIPs"] = [one]
        elif old_one and not one and not many:
            spec.pop("clusterIPs", None)
    elif not one:
        spec.pop("clusterIPs", None)
    else:
        spec["clusterIPs"] = [one, *many[1:]]


def infer_families(spec: Obj, old: Obj | None) -> list[FieldError]:
    """Fill in ipFamilyPolicy and ipFamilies of a cluster that has IPv4 only; the errors that forbid it.

    A headless Service without a selector is dual-stack, since nothing needs an address of the cluster's.
    """
    if spec.get("type") == EXTERNAL_NAME:
        return []
    from minikctl.api.validation.service import cluster_ip_errors

    free = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        before = (old or {}).get("ipFamilyPolicy")
        spec["ipFamilyPolicy"] = before or ("RequireDualStack" if free else "SingleStack")
    errors = cluster_ip_errors(spec)
    if errors:
        return errors
    policy, families = spec["ipFamilyPolicy"], list(spec.get("ipFamilies") or [])
    errors = _stack_errors(spec, policy, families)
    if errors:
        return errors
    if not families:
        families = [IPV4]
    if free:
        if policy != "SingleStack" and len(families) == 1:
            families.append(IPV6 if families[0] == IPV4 else IPV4)
    else:
        errors = _cluster_errors(policy, families)
    if not errors:
        spec["ipFamilies"] = families
    return errors


def _stack_errors(spec: Obj, policy: str, families: list[str]) -> list[FieldError]:
    errors = []
    ips = spec.get("clusterIPs") or []
    if policy == "SingleStack":
        why = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
        for what, values in (("cluster IPs", ips), ("IP families", families)):
            if len(values) == 2:
                errors.append(field_invalid("spec.ipFamilyPolicy", policy, why.format(what)))
    for i, ip in enumerate(ips):
        if ip == HEADLESS or i < len(families):
            continue
        if ":" in ip:
            why = "IPv6 is not configured on this cluster"
            errors.append(field_invalid(f"spec.clusterIPs[{i}]", ips, why))
        else:
            families.append(IPV4)
    return errors


def _cluster_errors(policy: str, families: list[str]) -> list[FieldError]:
    errors = []
    if policy == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        errors.append(field_invalid("spec.ipFamilyPolicy", policy, why))
    for i, family in enumerate(families):
        if family != IPV4:
            errors.append(field_invalid(f"spec.ipFamilies[{i}]", family, "not configured on this cluster"))
    return errors


def prepare_for_update(obj: Obj, old: Obj) -> None:
    """Drop what the new type has no use for, when the client left it as it was."""
    spec, before = obj["spec"], old["spec"]

    def drop(*fields: str) -> None:
        for field in fields:
            if spec.get(field) == before.get(field):
                spec.pop(field, None)

    if needs_cluster_ip(before) and not needs_cluster_ip(spec):
        if all(spec.get(f) == before.get(f) for f in ("clusterIP", "clusterIPs")):
            drop("clusterIP", "clusterIPs")
        drop("ipFamilies", "ipFamilyPolicy")
    if needs_node_ports(before) and not needs_node_ports(spec):
        held = {p.get("nodePort") for p in before.get("ports") or []}
        ports = spec.get("ports") or []
        if all(p.get("nodePort", 0) in held | {0} for p in ports):
            for port in ports:
                port.pop("nodePort", None)
    if needs_health_check_port(before) and not needs_health_check_port(spec):
        drop("healthCheckNodePort")
    if before.get("type") == LOAD_BALANCER and spec.get("type") != LOAD_BALANCER:
        drop("allocateLoadBalancerNodePorts", "loadBalancerClass")
    if before.get("type") in (NODE_PORT, LOAD_BALANCER) and spec.get("type") not in (NODE_PORT, LOAD_BALANCER):
        drop("externalTrafficPolicy")
    if spec.get("type") != LOAD_BALANCER and "status" in obj:
        obj["status"] = {**obj["status"], "loadBalancer": {}}


# ---------------------------------------------------------------------- validation, in a file of its own


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import service

    return service.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import service

    return service.validate_update(obj, old)


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation import service

    return service.validate_status(obj)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api.validation import service

    return service.warnings(obj)


# ---------------------------------------------------------------------- table


def external_ip(obj: Obj) -> str:
    """The EXTERNAL-IP column."""
    spec = obj.get("spec", {})
    own = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(own) or "<none>"
        case "LoadBalancer":
            ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            given = sorted({i.get("ip") or i.get("hostname") or "" for i in ingress} - {""})
            return ",".join([*given, *own]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return "<unknown>"


def _port(port: Obj) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port', 0)}{node_port}/{port.get('protocol', '')}"


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec = obj.get("spec", {})
    selector = spec.get("selector") or {}
    return [
        obj["metadata"]["name"],
        spec.get("type", ""),
        (spec.get("clusterIPs") or ["<none>"])[0],
        external_ip(obj),
        ",".join(map(_port, spec.get("ports") or [])) or "<none>",
        since(obj["metadata"].get("creationTimestamp"), now),
        ",".join(f"{k}={v}" for k, v in sorted(selector.items())) or "<none>",
    ]


def selectable_fields(obj: Obj) -> dict[str, str]:
    spec = obj.get("spec", {})
    return {"spec.clusterIP": spec.get("clusterIP", ""), "spec.type": spec.get("type", "")}


KIND = Kind(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    type="core/v1.Service",
    short_names=("svc",),
    categories=("all",),
    subresources=("status", "proxy"),
    allow_create_on_update=True,
    validate_name=dns_label,
    default=default,
    prepare_for_update=prepare_for_update,
    prepare_status_update=prepare_status_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=warnings,
    selectable_fields=selectable_fields,
    columns=(
        NAME,
        Column("Type"),
        Column("Cluster-IP"),
        Column("External-IP"),
        Column("Port(s)"),
        AGE,
        Column("Selector", priority=1),
    ),
    row=row,
)
