"""The checks that the level `restricted` adds to `baseline`: what current practice calls hardened."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.policy.pod_security import baseline
from minikctl.api.policy.pod_security.checks import (
    Check,
    Finding,
    containers,
    in_user_namespace,
    named,
    on_windows,
    plural,
    quoted,
    security,
    setters,
    unless,
    where,
)

ALL, NET_BIND_SERVICE = "ALL", "NET_BIND_SERVICE"
VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
OTHER_VOLUMES = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
)


def allow_privilege_escalation(_metadata: Obj, spec: Obj) -> Finding | None:
    bad = where(spec, lambda c: security(c).get("allowPrivilegeEscalation") is not False)
    if not bad:
        return None
    detail = f"{named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities(_metadata: Obj, spec: Obj) -> Finding | None:
    def of(container: Obj, field: str) -> list[str]:
        return (security(container).get("capabilities") or {}).get(field) or []

    def forbidden(container: Obj) -> list[str]:
        return [c for c in of(container, "add") if c != NET_BIND_SERVICE]

    keeping, adding = where(spec, lambda c: ALL not in of(c, "drop")), where(spec, forbidden)
    parts = [f'{named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if adding:
        added = quoted(sorted({name for c in containers(spec) for name in forbidden(c)}))
        parts.append(f"{named(adding)} must not include {added} in securityContext.capabilities.add")
    return Finding("unrestricted capabilities", "; ".join(parts)) if parts else None


def volumes(_metadata: Obj, spec: Obj) -> Finding | None:
    bad = [v for v in spec.get("volumes") or [] if not any(v.get(t) is not None for t in VOLUMES)]
    if not bad:
        return None
    types = sorted({next((t for t in OTHER_VOLUMES if v.get(t) is not None), "unknown") for v in bad})
    names = [v["name"] for v in bad]
    verb, what = plural(len(bad), "uses", "use"), plural(len(types), "restricted volume type")
    return Finding("restricted volume types", f"{named(names, 'volume')} {verb} {what} {quoted(types)}")


def run_as_non_root(_metadata: Obj, spec: Obj) -> Finding | None:
    reason, field = "runAsNonRoot != true", "securityContext.runAsNonRoot"
    whole = security(spec).get("runAsNonRoot")
    bad = where(spec, lambda c: security(c).get("runAsNonRoot") is False)
    if bad or whole is False:
        return Finding(reason, f"{setters(whole is False, bad)} must not set {field}=false")
    silent = where(spec, lambda c: security(c).get("runAsNonRoot") is None) if not whole else []
    return Finding(reason, f"pod or {named(silent)} must set {field}=true") if silent else None


def run_as_user(_metadata: Obj, spec: Obj) -> Finding | None:
    def is_root(part: Obj) -> bool:
        return security(part).get("runAsUser") == 0

    bad = where(spec, is_root)
    if not bad and not is_root(spec):
        return None
    return Finding("runAsUser=0", f"{setters(is_root(spec), bad)} must not set runAsUser=0")


def seccomp(metadata: Obj, spec: Obj) -> Finding | None:
    wrong = baseline.seccomp(metadata, spec)
    if wrong is not None or baseline.seccomp_type(spec) is not None:
        return wrong
    silent = where(spec, lambda c: baseline.seccomp_type(c) is None)
    if not silent:
        return None
    detail = f'pod or {named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Finding("seccompProfile", detail)


CHECKS = (
    Check(
        "allowPrivilegeEscalation",
        ((8, allow_privilege_escalation), (25, unless(on_windows, allow_privilege_escalation))),
    ),
    Check(
        "capabilities_restricted",
        ((22, capabilities), (25, unless(on_windows, capabilities))),
        replaces="capabilities_baseline",
    ),
    Check("procMount_restricted", ((35, baseline.proc_mount),), replaces="procMount"),
    Check("restrictedVolumes", ((0, volumes),), replaces="hostPathVolumes"),
    Check("runAsNonRoot", ((0, run_as_non_root), (35, unless(in_user_namespace, run_as_non_root)))),
    Check("runAsUser", ((23, run_as_user), (35, unless(in_user_namespace, run_as_user)))),
    Check(
        "seccompProfile_restricted",
        ((19, seccomp), (25, unless(on_windows, seccomp))),
        replaces="seccompProfile_baseline",
    ),
)
