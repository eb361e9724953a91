"""Security contexts of pods and containers. Source: Kubernetes `ValidateSecurityContext`."""

from __future__ import annotations

import re

from minikctl.api.errors import (
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_supported,
    field_required,
)
from minikctl.api.meta import Obj
from minikctl.api.validation.common import MAX_INT32, Errors, descending_path, in_range

_ID = in_range(0, MAX_INT32)
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_MESSAGE = f"must have at most 253 characters and match regex ^{_SYSCTL}$"
_IPC_SYSCTLS = ("kernel/shm", "kernel/msg", "fs/mqueue/")
_PROFILES = ["Localhost", "RuntimeDefault", "Unconfined"]


def container(context: Obj | None, path: str, *, host_users: bool) -> Errors:
    if context is None:
        return []
    errors = _ids(context, ("runAsUser", "runAsGroup"), path)
    proc = context.get("procMount")
    if proc is not None:
        if proc not in ("Default", "Unmasked"):
            errors.append(field_not_supported(f"{path}.procMount", proc, ["Default", "Unmasked"]))
        if host_users and proc == "Unmasked":
            errors.append(field_invalid(f"{path}.procMount", proc, "`hostUsers` must be false to use `Unmasked`"))
    errors += _profile(context.get("seccompProfile"), f"{path}.seccompProfile", "seccomp", "seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            errors.append(field_invalid(path, context, why))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or []):
            why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(field_invalid(path, context, why))
    return errors + _profile(context.get("appArmorProfile"), f"{path}.appArmorProfile", "AppArmor", "appArmorProfile")


def pod(spec: Obj, path: str) -> Errors:
    """The pod's own context, and how it goes together with the host's namespaces."""
    context = spec.get("securityContext") or {}
    at = f"{path}.securityContext"
    errors = _ids(context, ("fsGroup", "runAsUser", "runAsGroup"), at)
    for i, group in enumerate(context.get("supplementalGroups") or []):
        if not 0 <= group <= MAX_INT32:
            errors.append(field_invalid(f"{at}.supplementalGroups[{i}]", group, _ID))
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(field_invalid(f"{at}.shareProcessNamespace", True, why))
    errors += _sysctls(context.get("sysctls") or [], spec, f"{at}.sysctls")
    errors += _choice(context, "fsGroupChangePolicy", ["Always", "OnRootMismatch"], at)
    errors += _profile(context.get("seccompProfile"), f"{at}.seccompProfile", "seccomp", "seccompProfile")
    errors += _profile(context.get("appArmorProfile"), f"{at}.appArmorProfile", "AppArmor", "appArmorProfile")
    errors += _choice(context, "supplementalGroupsPolicy", ["Merge", "Strict"], at)
    return errors + _choice(context, "seLinuxChangePolicy", ["MountOption", "Recursive"], at)


def host_users(spec: Obj, path: str) -> Errors:
    """User namespaces do not go together with other namespaces of the host (KEP-127)."""
    if spec.get("hostUsers") is not False:
        return []
    shown = {"hostNetwork": "hostNetwork", "hostPID": "HostPID", "hostIPC": "HostIPC"}
    why = "when `hostUsers` is false"
    return [field_forbidden(f"{path}.{text}", why) for field, text in shown.items() if spec.get(field)]


def _ids(context: Obj, fields: tuple[str, ...], path: str) -> Errors:
    return [
        field_invalid(f"{path}.{f}", context[f], _ID)
        for f in fields
        if context.get(f) is not None and not 0 <= context[f] <= MAX_INT32
    ]


def _choice(context: Obj, field: str, choices: list[str], path: str) -> Errors:
    value = context.get(field)
    if value is None or value in choices:
        return []
    return [field_not_supported(f"{path}.{field}", value, choices)]


def _profile(profile: Obj | None, path: str, what: str, field: str) -> Errors:
    """A seccomp or AppArmor profile; only Localhost has a name."""
    if profile is None:
        return []
    kind, name = profile.get("type") or "", profile.get("localhostProfile")
    errors: Errors = []
    if not kind:
        errors.append(field_required(f"{path}.type", f"type is required when {field} is set"))
    elif kind not in _PROFILES:
        errors.append(field_not_supported(f"{path}.type", kind, _PROFILES))
    at = f"{path}.localhostProfile"
    if kind == "Localhost":
        if not name:
            errors.append(field_required(at, f"must be set when {what} type is Localhost"))
        elif what == "seccomp":
            errors += descending_path(name, at)
        elif name != name.strip():
            errors.append(field_invalid(at, name, "must not be padded with whitespace"))
    elif name is not None:
        errors.append(field_invalid(at, name, f"can only be set when {what} type is Localhost"))
    return errors


def _sysctls(sysctls: list[Obj], spec: Obj, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        name, at = sysctl.get("name") or "", f"{path}[{i}].name"
        if not name:
            errors.append(field_required(at))
        elif len(name) > 253 or not re.fullmatch(_SYSCTL, name):
            errors.append(field_invalid(at, name, _SYSCTL_MESSAGE))
        elif name in seen:
            errors.append(field_duplicate(at, name))
        seen.add(name)
        slashed = name.replace(".", "/")
        if spec.get("hostNetwork") and slashed.startswith("net/"):
            errors.append(field_invalid(at, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and slashed.startswith(_IPC_SYSCTLS):
            errors.append(field_invalid(at, name, "may not be specified when 'hostIPC' is true"))
    return errors
