"""PodSpec and PodTemplateSpec. Source: Kubernetes `ValidatePodSpec`, `ValidatePodTemplateSpec`."""

from __future__ import annotations

from minikctl.api.errors import field_duplicate, field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain, validate_annotations, validate_labels
from minikctl.api.validation import containers, net, resources, scheduling, security, volumes
from minikctl.api.validation.common import MAX_INT32, Errors, all_invalid, in_range, label, one_of, qualified

RESTART_POLICIES = ["Always", "OnFailure", "Never"]
DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
MIRROR = "kubernetes.io/config.mirror"


def validate(spec: Obj, path: str, *, pod_name: str = "", is_pod: bool = False) -> Errors:
    """`is_pod`: the spec of a Pod itself, not of a template."""
    good, errors = volumes.validate(spec.get("volumes") or [], pod_name, f"{path}.volumes")
    claims = spec.get("resourceClaims") or []
    errors += _resource_claims(claims, f"{path}.resourceClaims")
    context = containers.PodContext(
        volumes=good,
        claim_names=frozenset(c["name"] for c in claims if c.get("name")),
        grace=int(spec.get("terminationGracePeriodSeconds") or 0),
        restart_policy=spec.get("restartPolicy") or "",
        host_users=spec.get("hostUsers") is not False,
    )
    errors += containers.validate(spec, context, path)
    errors += resources.pod_level(spec, f"{path}.resources")
    errors += _host_network_ports(spec, path, is_pod=is_pod)
    errors += one_of(spec.get("restartPolicy") or "", RESTART_POLICIES, f"{path}.restartPolicy")
    errors += one_of(spec.get("dnsPolicy") or "", DNS_POLICIES, f"{path}.dnsPolicy")
    errors += validate_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    errors += security.pod(spec, path)
    errors += scheduling.affinity(spec.get("affinity"), f"{path}.affinity")
    errors += _dns_config(spec, f"{path}.dnsConfig")
    for i, gate in enumerate(spec.get("readinessGates") or []):
        errors += qualified(gate.get("conditionType") or "", f"{path}.readinessGates[{i}].conditionType")
    errors += scheduling.gates(spec.get("schedulingGates") or [], f"{path}.schedulingGates")
    spread = spec.get("topologySpreadConstraints") or []
    errors += scheduling.topology_spread(spread, f"{path}.topologySpreadConstraints")
    errors += security.host_users(spec, path)
    return errors + _names_and_numbers(spec, path)


def _names_and_numbers(spec: Obj, path: str) -> Errors:
    errors: Errors = []
    for field in ("serviceAccountName", "nodeName"):
        if spec.get(field):
            errors += all_invalid(dns_subdomain, spec[field], f"{path}.{field}")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        errors.append(field_invalid(f"{path}.activeDeadlineSeconds", deadline, in_range(1, MAX_INT32)))
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            errors += label(spec[field], f"{path}.{field}")
    errors += scheduling.tolerations(spec.get("tolerations") or [], f"{path}.tolerations")
    for i, alias in enumerate(spec.get("hostAliases") or []):
        at = f"{path}.hostAliases[{i}]"
        errors += net.ip(alias.get("ip") or "", f"{at}.ip")
        for j, hostname in enumerate(alias.get("hostnames") or []):
            errors += all_invalid(dns_subdomain, hostname, f"{at}.hostnames[{j}]")
    for field in ("priorityClassName", "runtimeClassName"):
        if spec.get(field) or (field == "runtimeClassName" and spec.get(field) is not None):
            errors += all_invalid(dns_subdomain, spec[field], f"{path}.{field}")
    if spec.get("preemptionPolicy") is not None:
        choices = ["PreemptLowerPriority", "Never"]
        errors += one_of(spec["preemptionPolicy"], choices, f"{path}.preemptionPolicy")
    if spec.get("overhead") is not None:
        errors += resources.requirements({"limits": spec["overhead"]}, f"{path}.overhead")
    if spec.get("os") is not None:
        errors += one_of(spec["os"].get("name") or "", ["linux", "windows"], f"{path}.os.name")
    return errors


def _host_network_ports(spec: Obj, path: str, *, is_pod: bool) -> Errors:
    if not spec.get("hostNetwork"):
        return []
    errors: Errors = []
    for i, container in enumerate(spec.get("containers") or []):
        for j, port in enumerate(container.get("ports") or []):
            host, own = port.get("hostPort") or 0, port.get("containerPort") or 0
            if (is_pod or host) and host != own:
                why = "must match `containerPort` when `hostNetwork` is true"
                errors.append(field_invalid(f"{path}.containers[{i}].ports[{j}].hostPort", host, why))
    return errors


def _resource_claims(claims: list[Obj], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        at, name = f"{path}[{i}]", claim.get("name") or ""
        if not name:
            errors.append(field_required(f"{at}.name"))
        elif name in seen:
            errors.append(field_duplicate(f"{at}.name", name))
        else:
            errors += label(name, f"{at}.name")
            seen.add(name)
        given = [f for f in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(f) is not None]
        if len(given) > 1:
            why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            errors.append(field_invalid(at, claim, why))
        elif not given:
            why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            errors.append(field_invalid(at, claim, why))
        for field in given:
            errors += all_invalid(dns_subdomain, claim[field], f"{at}.{field}")
    return errors


def _dns_config(spec: Obj, path: str) -> Errors:
    config = spec.get("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            return [field_required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [field_required(f"{path}.nameservers", why)]
    if config is None:
        return []
    errors: Errors = []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > 3:
        errors.append(field_invalid(f"{path}.nameservers", servers, "must not have more than 3 nameservers"))
    for i, server in enumerate(servers):
        errors += net.ip(server, f"{path}.nameservers[{i}]")
    if len(searches) > 32:
        errors.append(field_invalid(f"{path}.searches", searches, "must not have more than 32 search paths"))
    if len(" ".join(searches)) > 2048:
        why = "must not have more than 2048 characters (including spaces) in the search list"
        errors.append(field_invalid(f"{path}.searches", searches, why))
    for i, search in enumerate(searches):
        if search != ".":
            errors += all_invalid(dns_subdomain, search.removesuffix("."), f"{path}.searches[{i}]")
    for i, option in enumerate(config.get("options") or []):
        if not option.get("name"):
            errors.append(field_required(f"{path}.options[{i}]", "must not be empty"))
    return errors


def pod_annotations(metadata: Obj, spec: Obj, path: str) -> Errors:
    """Annotations that mean something to pods."""
    given = metadata.get("annotations") or {}
    errors: Errors = []
    if MIRROR in given and not spec.get("nodeName"):
        why = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(field_invalid(f"{path}[{MIRROR}]", given[MIRROR], why))
    cost = given.get(DELETION_COST)
    if cost is not None and not _is_int32(cost):
        errors.append(field_invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    return errors


def _is_int32(text: str) -> bool:
    try:
        number = int(text)
    except ValueError:
        return False
    canonical = str(number) == text
    return canonical and -MAX_INT32 - 1 <= number <= MAX_INT32


def template(value: Obj, path: str) -> Errors:
    """A PodTemplateSpec."""
    metadata, spec = value.get("metadata") or {}, value.get("spec") or {}
    errors = validate_labels(metadata.get("labels"), f"{path}.labels")
    errors += validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    errors += pod_annotations(metadata, spec, f"{path}.annotations")
    errors += validate(spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        why = "ephemeral containers not allowed in pod template"
        errors.append(field_forbidden(f"{path}.spec.ephemeralContainers", why))
    return errors
