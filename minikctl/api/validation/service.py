"""Which Services are valid, in Kubernetes' words and order. Source: `pkg/apis/core/validation` (ValidateService)."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_supported,
    field_required,
)
from minikctl.api.kinds.service import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    HEADLESS,
    LOAD_BALANCER,
    NODE_PORT,
    is_external,
    is_headless,
    needs_health_check_port,
)
from minikctl.api.meta import Obj
from minikctl.api.names import dns_label, dns_subdomain, port_number, qualified_name, validate_labels
from minikctl.api.validation import net, ports

TYPES = [CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT]
DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"]
HINTS = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
ONE_DAY = 86400
ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"


def validate(obj: Obj) -> list[FieldError]:
    """Everything about a Service but its metadata."""
    spec = obj["spec"]
    annotations = obj["metadata"].get("annotations") or {}
    return [
        *_topology(annotations),
        *_type_rules(spec),
        *_ports(spec),
        *validate_labels(spec.get("selector"), "spec.selector"),
        *_affinity(spec),
        *cluster_ip_errors(spec),
        *_external_ips(spec),
        *_type(spec),
        *_port_clashes(spec),
        *_source_ranges(spec, annotations),
        *_load_balancer(spec),
        *_external_traffic(spec),
        *_internal_traffic(spec),
        *_distribution(spec),
    ]


def _topology(annotations: Obj) -> list[FieldError]:
    hints, mode = annotations.get(HINTS), annotations.get(TOPOLOGY_MODE)
    if hints is None or mode is None or hints == mode:
        return []
    why = f"must match annotations[{HINTS}] when both are specified"
    return [field_invalid(f"metadata.annotations[{TOPOLOGY_MODE}]", mode, why)]


def _type_rules(spec: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    kind = spec.get("type")
    if not spec.get("ports") and not is_headless(spec) and kind != EXTERNAL_NAME:
        errors.append(field_required("spec.ports"))
    if kind in (LOAD_BALANCER, NODE_PORT) and is_headless(spec):
        why = f"may not be set to 'None' for {kind} services"
        errors.append(field_invalid("spec.clusterIPs[0]", HEADLESS, why))
    if kind == EXTERNAL_NAME:
        errors += [
            field_forbidden(f"spec.{field}", "may not be set for ExternalName services")
            for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
            if spec.get(field)
        ]
        name = (spec.get("externalName") or "").removesuffix(".")
        if name:
            errors += [field_invalid("spec.externalName", name, m) for m in dns_subdomain(name)]
        else:
            errors.append(field_required("spec.externalName"))
    return errors


def _ports(spec: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    listed, names = spec.get("ports") or [], set()
    for i, port in enumerate(listed):
        at = f"spec.ports[{i}]"
        name = port.get("name") or ""
        if not name and len(listed) > 1:
            errors.append(field_required(f"{at}.name"))
        elif name:
            errors += [field_invalid(f"{at}.name", name, m) for m in dns_label(name)]
            if name in names:
                errors.append(field_duplicate(f"{at}.name", name))
            names.add(name)
        number = port.get("port", 0)
        errors += [field_invalid(f"{at}.port", number, m) for m in port_number(number)]
        errors += ports.protocol(port.get("protocol"), f"{at}.protocol")
        errors += ports.port_number_or_name(port.get("targetPort", 0), f"{at}.targetPort")
        if port.get("appProtocol") is not None:
            app = port["appProtocol"]
            errors += [field_invalid(f"{at}.appProtocol", app, m) for m in qualified_name(app)]
    return errors


def _affinity(spec: Obj) -> list[FieldError]:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    at = "spec.sessionAffinityConfig"
    if not kind:
        return [field_required("spec.sessionAffinity")]
    if kind not in ("ClientIP", "None"):
        return [field_not_supported("spec.sessionAffinity", kind, ["ClientIP", "None"])]
    if kind == "None":
        return [field_forbidden(at, "must not be set when session affinity is None")] if config is not None else []
    if config is None:
        return [field_required(at, "when session affinity type is ClientIP")]
    if config.get("clientIP") is None:
        return [field_required(f"{at}.clientIP", "when session affinity type is ClientIP")]
    seconds = config["clientIP"].get("timeoutSeconds")
    if seconds is None:
        return [field_required(f"{at}.clientIP.timeoutSeconds", "when session affinity type is ClientIP")]
    if 0 < seconds <= ONE_DAY:
        return []
    why = f"must be greater than 0 and less than {ONE_DAY}"
    return [field_invalid(f"{at}.clientIP.timeoutSeconds", seconds, why)]


def cluster_ip_errors(spec: Obj) -> list[FieldError]:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, each and together."""
    if spec.get("type") == EXTERNAL_NAME:
        return []
    at, ips = "spec.clusterIPs", spec.get("clusterIPs") or []
    errors = _primary(spec.get("clusterIP") or "", ips) + _families(spec)
    broken: list[FieldError] = []
    for i, ip in enumerate(ips):
        if i == 0 and ip == HEADLESS:
            if len(ips) > 1:
                broken.append(field_invalid(at, ips, "'None' must be the first and only value"))
            continue
        broken += net.ip(ip, f"{at}[{i}]")
    errors += broken
    if len(ips) > 2:
        errors.append(field_invalid(at, ips, "may only hold up to 2 values"))
    if broken:
        return errors
    if len(ips) > 1 and len({net.is_ipv6(ip) for ip in ips}) < len(ips):
        errors.append(field_invalid(at, ips, "may specify no more than one IP for each IP family"))
    if not is_headless(spec):
        for i, (ip, family) in enumerate(zip(ips, spec.get("ipFamilies") or [])):
            if net.is_ipv6(ip) != (family == "IPv6"):
                why = f"expected an {family} value as indicated by `ipFamilies[{i}]`"
                errors.append(field_invalid(f"{at}[{i}]", ip, why))
    return errors


def _primary(one: str, ips: list[str]) -> list[FieldError]:
    at = "spec.clusterIPs"
    if not one:
        return [field_invalid(at, ips, "must be empty when `clusterIP` is not specified")] if ips else []
    if not ips:
        return [field_required(at)]
    return [] if ips[0] == one else [field_invalid(at, ips, "first value must match `clusterIP`")]


def _families(spec: Obj) -> list[FieldError]:
    errors, seen = [], set()
    for i, family in enumerate(spec.get("ipFamilies") or []):
        if family not in ("IPv4", "IPv6"):
            errors.append(field_not_supported(f"spec.ipFamilies[{i}]", family, ["IPv4", "IPv6"]))
        if family in seen:
            errors.append(field_duplicate(f"spec.ipFamilies[{i}]", family))
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    policies = ["PreferDualStack", "RequireDualStack", "SingleStack"]
    if policy is not None and policy not in policies:
        errors.append(field_not_supported("spec.ipFamilyPolicy", policy, policies))
    return errors


def _external_ips(spec: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, ip in enumerate(spec.get("externalIPs") or []):
        at = f"spec.externalIPs[{i}]"
        errors += net.ip(ip, at) or net.not_special(ip, at)
    return errors


def _type(spec: Obj) -> list[FieldError]:
    kind = spec.get("type")
    if not kind:
        return [field_required("spec.type")]
    if kind not in TYPES:
        return [field_not_supported("spec.type", kind, TYPES)]
    if kind != CLUSTER_IP:
        return []
    return [
        field_forbidden(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'")
        for i, port in enumerate(spec.get("ports") or [])
        if port.get("nodePort")
    ]


def _port_clashes(spec: Obj) -> list[FieldError]:
    errors = []
    listed = spec.get("ports") or []
    seen: set[tuple[Any, Any]] = set()
    for i, port in enumerate(listed):
        key = (port.get("protocol"), port.get("nodePort"))
        if port.get("nodePort") and key in seen:
            errors.append(field_duplicate(f"spec.ports[{i}].nodePort", port["nodePort"]))
        seen.add(key)
    seen = set()
    for i, port in enumerate(listed):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            shown = {"port": port.get("port"), "protocol": port.get("protocol"), "targetPort": 0}
            errors.append(field_duplicate(f"spec.ports[{i}]", shown))
        seen.add(key)
    return errors


def _source_ranges(spec: Obj, annotations: Obj) -> list[FieldError]:
    ranges, kind = spec.get("loadBalancerSourceRanges") or [], spec.get("type")
    errors: list[FieldError] = []
    if ranges:
        at = "spec.LoadBalancerSourceRanges"
        if kind != LOAD_BALANCER:
            errors.append(field_forbidden(at, ONLY_LOAD_BALANCER))
        for i, text in enumerate(ranges):
            errors += net.cidr(text.strip(), f"{at}[{i}]")
    elif SOURCE_RANGES in annotations:
        at = f"metadata.annotations[{SOURCE_RANGES}]"
        if kind != LOAD_BALANCER:
            errors.append(field_forbidden(at, ONLY_LOAD_BALANCER))
        for text in filter(None, annotations[SOURCE_RANGES].strip().split(",")):
            errors += net.cidr(text.strip(), at)
    return errors


def _load_balancer(spec: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    is_balanced = spec.get("type") == LOAD_BALANCER
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and not is_balanced:
        errors.append(field_forbidden("spec.allocateLoadBalancerNodePorts", ONLY_LOAD_BALANCER))
    if allocate is None and is_balanced:
        errors.append(field_required("allocateLoadBalancerNodePorts"))
    wanted = spec.get("loadBalancerClass")
    if wanted is not None and not is_balanced:
        errors.append(field_forbidden("spec.loadBalancerClass", ONLY_LOAD_BALANCER))
    elif wanted is not None:
        errors += [field_invalid("spec.loadBalancerClass", wanted, m) for m in qualified_name(wanted)]
    return errors


def _external_traffic(spec: Obj) -> list[FieldError]:
    errors: list[FieldError] = []
    at, policy = "spec.externalTrafficPolicy", spec.get("externalTrafficPolicy") or ""
    if not is_external(spec):
        if policy:
            errors.append(field_invalid(at, policy, "may only be set for externally-accessible services"))
    elif not policy:
        errors.append(field_required(at))
    elif policy not in ("Cluster", "Local"):
        errors.append(field_not_supported(at, policy, ["Cluster", "Local"]))
    at, port = "spec.healthCheckNodePort", spec.get("healthCheckNodePort") or 0
    if needs_health_check_port(spec):
        if not port:
            errors.append(field_required(at))
        else:
            errors += [field_invalid(at, port, m) for m in port_number(port)]
    elif port:
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(field_invalid(at, port, why))
    return errors


def _internal_traffic(spec: Obj) -> list[FieldError]:
    policy = spec.get("internalTrafficPolicy")
    if policy is None:
        wanted = spec.get("type") in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)
        return [field_required("spec.internalTrafficPolicy")] if wanted else []
    if policy in ("Cluster", "Local"):
        return []
    return [field_not_supported("spec.internalTrafficPolicy", policy, ["Cluster", "Local"])]


def _distribution(spec: Obj) -> list[FieldError]:
    wanted = spec.get("trafficDistribution")
    if wanted is None or wanted in DISTRIBUTIONS:
        return []
    return [field_not_supported("spec.trafficDistribution", wanted, DISTRIBUTIONS)]


# ---------------------------------------------------------------------- update


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    """What stays as it is once it is set."""
    spec, before = obj["spec"], old["spec"]
    errors: list[FieldError] = []
    if EXTERNAL_NAME not in (spec.get("type"), before.get("type")):
        if not (is_headless(spec) and is_headless(before)):
            errors += _kept(spec, before, "clusterIPs", "clusterIP")
        if not (is_headless(spec) and not spec.get("selector")):
            errors += _kept(spec, before, "ipFamilies", "ipFamily")
    errors += _kept_class(spec, before)
    checked = needs_health_check_port(before) and needs_health_check_port(spec)
    if checked and before.get("healthCheckNodePort") != spec.get("healthCheckNodePort"):
        errors.append(field_forbidden("spec.healthCheckNodePort", "field is immutable"))
    return errors


def _kept(spec: Obj, old: Obj, field: str, word: str) -> list[FieldError]:
    """The first value stays; a second one may be added, and may go when the policy says SingleStack."""
    at, now, before = f"spec.{field}", spec.get(field) or [], old.get(field) or []
    fixed = "may not change once set"
    if len(now) == len(before):
        return [field_invalid(f"{at}[{i}]", now, fixed) for i, v in enumerate(before) if v != now[i]]
    errors = []
    if len(before) > len(now):
        if not now:
            errors.append(field_invalid(f"{at}[0]", now, f"primary {word} can not be unset"))
        elif now[0] != before[0]:
            errors.append(field_invalid(f"{at}[0]", now, fixed))
        if len(before) == 2 and len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
            why = f"must be set to 'SingleStack' when releasing the secondary {word}"
            errors.append(field_invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why))
    elif before and now[0] != before[0]:
        errors.append(field_invalid(f"{at}[0]", now, fixed))
    return errors


def _kept_class(spec: Obj, old: Obj) -> list[FieldError]:
    now, before = spec.get("loadBalancerClass"), old.get("loadBalancerClass")
    if now == before or not spec.get("type") == old.get("type") == LOAD_BALANCER:
        return []
    return [field_invalid("spec.loadBalancerClass", now, "may not change once set")]


def validate_status(obj: Obj) -> list[FieldError]:
    """The addresses that a load balancer reports."""
    at, errors = "status.loadBalancer.ingress", []
    ingresses = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingresses and obj["spec"].get("type") != LOAD_BALANCER:
        return [field_forbidden(at, "may only be used when `spec.type` is LoadBalancer")]
    for i, ingress in enumerate(ingresses):
        ip, mode, host = ingress.get("ip") or "", ingress.get("ipMode"), ingress.get("hostname") or ""
        if ip:
            errors += net.ip(ip, f"{at}[{i}].ip")
        if ip and mode is None:
            errors.append(field_required(f"{at}[{i}].ipMode", "must be specified when `ip` is set"))
        elif mode is not None and not ip:
            errors.append(field_forbidden(f"{at}[{i}].ipMode", "may not be specified when `ip` is not set"))
        elif mode is not None and mode not in ("Proxy", "VIP"):
            errors.append(field_not_supported(f"{at}[{i}].ipMode", mode, ["Proxy", "VIP"]))
        if host:
            errors += [field_invalid(f"{at}[{i}].hostname", host, m) for m in dns_subdomain(host)]
            if not errors and net.parse(host):
                errors.append(field_invalid(f"{at}[{i}].hostname", host, "must be a DNS name, not an IP address"))
    return errors


def warnings(obj: Obj) -> list[str]:
    """What the server says about a Service that is valid all the same."""
    spec = obj["spec"]
    texts = []
    headless = is_headless(spec)
    external_ips = spec.get("externalIPs") or []
    is_named = spec.get("type") == EXTERNAL_NAME
    if HINTS in (obj["metadata"].get("annotations") or {}):
        texts.append(f"annotation {HINTS} is deprecated, please use {TOPOLOGY_MODE} instead")
    if headless:
        ignored = (("loadBalancerIP", spec.get("loadBalancerIP")), ("externalIPs", external_ips))
        texts += [f"spec.{field} is ignored for headless services" for field, value in ignored if value]
        if spec.get("sessionAffinity") != "None":
            texts.append("spec.SessionAffinity is ignored for headless services")
    else:
        for i, ip in enumerate(spec.get("clusterIPs") or []):
            texts += net.ip_warnings(ip, f"spec.clusterIPs[{i}]")
    for i, ip in enumerate(external_ips):
        texts += net.ip_warnings(ip, f"spec.externalIPs[{i}]")
    if external_ips and not headless and not is_named:
        texts.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    for i, text in enumerate(spec.get("loadBalancerSourceRanges") or []):
        texts += net.cidr_warnings(text.strip(), f"spec.loadBalancerSourceRanges[{i}]")
    if is_named and external_ips:
        texts.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if not is_named and spec.get("externalName"):
        texts.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        texts.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return texts
