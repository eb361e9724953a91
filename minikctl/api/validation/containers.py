"""The containers of a pod: regular, init (sidecars among them) and ephemeral.

Source: Kubernetes `validateContainers`, `validateInitContainers`, `validateEphemeralContainers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import (
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_found,
    field_not_supported,
    field_required,
)
from minikctl.api.meta import Obj
from minikctl.api.names import port_name, port_number
from minikctl.api.validation import env, mounts, probes, resources, security
from minikctl.api.validation.common import Errors, all_invalid, label, one_of
from minikctl.api.validation.ports import protocol

PULL_POLICIES = ["Always", "IfNotPresent", "Never"]
_RESTART_POLICIES = ["Always", "Never", "OnFailure"]
_MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"]
_NOT_FOR_INIT = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_NOT_FOR_EPHEMERAL = (
    "ports",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
)


@dataclass(frozen=True, slots=True)
class PodContext:
    """What a container is checked against: the pod around it. `volumes` by name; `grace` in seconds."""

    volumes: dict[str, Obj]
    claim_names: frozenset[str]
    grace: int
    restart_policy: str
    host_users: bool


def validate(spec: Obj, context: PodContext, path: str) -> Errors:
    """All containers of a pod spec."""
    regular, init = spec.get("containers") or [], spec.get("initContainers") or []
    errors = _regular(regular, context, f"{path}.containers")
    errors += _init(init, regular, context, f"{path}.initContainers")
    ephemeral = spec.get("ephemeralContainers") or []
    return errors + _ephemeral(ephemeral, [*regular, *init], context, f"{path}.ephemeralContainers")


def _regular(containers: list[Obj], context: PodContext, path: str) -> Errors:
    if not containers:
        return [field_required(path)]
    errors: Errors = []
    names: set[str] = set()
    for i, container in enumerate(containers):
        at = f"{path}[{i}]"
        errors += _common(container, context, at)
        name = container.get("name") or ""
        if name in names:
            errors.append(field_duplicate(f"{at}.name", name))
        names.add(name)
        errors += probes.validate(container, context.grace, at)
        errors += _restart_policy(container, at)
    return errors + _host_ports(containers, path)


def _restart_policy(container: Obj, path: str) -> Errors:
    """A policy of the container's own, with rules by exit code (KEP-5307)."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    errors: Errors = []
    if policy is not None and policy not in _RESTART_POLICIES:
        errors.append(field_not_supported(f"{path}.restartPolicy", policy, _RESTART_POLICIES))
    if rules and policy is None:
        why = "must specify restartPolicy when restart rules are used"
        errors.append(field_required(f"{path}.restartPolicy", why))
    for i, rule in enumerate(rules):
        at = f"{path}.restartPolicyRules[{i}]"
        errors += one_of(rule.get("action") or "", ["Restart", "RestartAllContainers"], f"{at}.action")
        codes = rule.get("exitCodes")
        if codes is None:
            errors.append(field_required(f"{at}.exitCodes", "must be specified"))
            continue
        errors += one_of(codes.get("operator") or "", ["In", "NotIn"], f"{at}.exitCodes.operator")
        if not codes.get("values"):
            errors.append(field_required(f"{at}.exitCodes.values", "must be specified"))
    return errors


def _init(containers: list[Obj], regular: list[Obj], context: PodContext, path: str) -> Errors:
    errors: Errors = []
    names = {c.get("name") or "" for c in regular}
    for i, container in enumerate(containers):
        at, name = f"{path}[{i}]", container.get("name") or ""
        errors += _common(container, context, at)
        errors += _restart_policy(container, at)
        if name in names:
            errors.append(field_duplicate(f"{at}.name", name))
        elif name:
            names.add(name)
        errors += _host_ports([container], path)
        if container.get("restartPolicy") == "Always":
            errors += probes.validate(container, context.grace, at)
        else:
            why = "may not be set for init containers without restartPolicy=Always"
            errors += [field_forbidden(f"{at}.{f}", why) for f in _NOT_FOR_INIT if container.get(f) is not None]
    return errors


def _ephemeral(containers: list[Obj], others: list[Obj], context: PodContext, path: str) -> Errors:
    errors: Errors = []
    targets = {c.get("name") or "" for c in others}
    names = set(targets)
    for i, container in enumerate(containers):
        at, name = f"{path}[{i}]", container.get("name") or ""
        errors += _common(container, context, at)
        errors += untrimmed_image(container, at)
        if name in names:
            errors.append(field_duplicate(f"{at}.name", name))
        names.add(name)
        target = container.get("targetContainerName")
        if target and target not in targets:
            errors.append(field_not_found(f"{at}.targetContainerName", target))
        why = "cannot be set for an Ephemeral Container"
        errors += [field_forbidden(f"{at}.{f}", why) for f in _NOT_FOR_EPHEMERAL if container.get(f)]
        for j, mount in enumerate(container.get("volumeMounts") or []):
            for part in ("subPath", "subPathExpr"):
                if mount.get(part):
                    errors.append(field_forbidden(f"{at}.volumeMounts[{j}].{part}", why))
    return errors


def untrimmed_image(container: Obj, path: str) -> Errors:
    """Pods only: a template may hold a blank image as a mark for whoever fills it in."""
    image = container.get("image") or ""
    if image == image.strip():
        return []
    return [field_invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _common(container: Obj, context: PodContext, path: str) -> Errors:
    name = container.get("name") or ""
    errors = label(name, f"{path}.name") if name else [field_required(f"{path}.name")]
    if not container.get("image"):
        errors.append(field_required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy") or ""
    errors += one_of(policy, _MESSAGE_POLICIES, f"{path}.terminationMessagePolicy")
    errors += _ports(container.get("ports") or [], f"{path}.ports")
    errors += env.validate(container.get("env") or [], f"{path}.env")
    errors += env.validate_from(container.get("envFrom") or [], f"{path}.envFrom")
    errors += mounts.validate(container, context.volumes, path)
    errors += one_of(container.get("imagePullPolicy") or "", PULL_POLICIES, f"{path}.imagePullPolicy")
    errors += resources.requirements(container.get("resources") or {}, f"{path}.resources", context.claim_names)
    errors += _resize_policy(container.get("resizePolicy") or [], context.restart_policy, f"{path}.resizePolicy")
    at = f"{path}.securityContext"
    return errors + security.container(container.get("securityContext"), at, host_users=context.host_users)


def _ports(ports: list[Obj], path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for i, port in enumerate(ports):
        at, name = f"{path}[{i}]", port.get("name") or ""
        if name:
            bad = all_invalid(port_name, name, f"{at}.name")
            errors += bad or ([field_duplicate(f"{at}.name", name)] if name in names else [])
            names.add(name)
        number = port.get("containerPort") or 0
        if number:
            errors += [field_invalid(f"{at}.containerPort", number, m) for m in port_number(number)]
        else:
            errors.append(field_required(f"{at}.containerPort"))
        if port.get("hostPort"):
            errors += [field_invalid(f"{at}.hostPort", port["hostPort"], m) for m in port_number(port["hostPort"])]
        errors += protocol(port.get("protocol"), f"{at}.protocol")
    return errors


def _host_ports(containers: list[Obj], path: str) -> Errors:
    errors: Errors = []
    taken: set[str] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or []):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                errors.append(field_duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
            taken.add(key)
    return errors


def _resize_policy(policies: list[Obj], restart_policy: str, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            errors.append(field_duplicate(f"{path}[{i}]", name))
        seen.add(name)
        errors += one_of(name, ["cpu", "memory"], path)
        errors += one_of(restart, ["NotRequired", "RestartContainer"], path)
        if restart_policy == "Never" and restart != "NotRequired":
            why = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            errors.append(field_invalid(path, restart, why))
    return errors
