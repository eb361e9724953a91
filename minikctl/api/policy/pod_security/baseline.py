"""The checks of the level `baseline`: nothing that is known to give a pod power over its node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from minikctl.api.errors import go_quote
from minikctl.api.meta import Obj
from minikctl.api.policy.pod_security.checks import (
    Check,
    CheckPod,
    Finding,
    containers,
    in_user_namespace,
    named,
    plural,
    quoted,
    security,
    setters,
    unless,
    where,
)

APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
PROFILES = ("RuntimeDefault", "Localhost")
CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    )
)
SYSCTLS_27 = SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
SYSCTLS_29 = SYSCTLS_27 | {
    f"net.ipv4.tcp_{n}" for n in ("keepalive_time", "fin_timeout", "keepalive_intvl", "keepalive_probes")
}
SYSCTLS_32 = SYSCTLS_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
SE_LINUX = frozenset(("", "container_t", "container_init_t", "container_kvm_t"))
SE_LINUX_31 = SE_LINUX | {"container_engine_t"}


def app_armor(metadata: Obj, spec: Obj) -> Finding | None:
    def bad_type(part: Obj) -> str:
        profile = security(part).get("appArmorProfile")
        kind = "" if profile is None else str(profile.get("type", ""))
        return kind if profile is not None and kind not in PROFILES else ""

    bad = where(spec, bad_type)
    values = sorted({t for p in (spec, *containers(spec)) if (t := bad_type(p))})
    who = [setters(bool(bad_type(spec)), bad)] if bad or bad_type(spec) else []
    notes = sorted(
        f"{k}={go_quote(v)}"
        for k, v in (metadata.get("annotations") or {}).items()
        if k.startswith(APP_ARMOR) and v not in ("", "runtime/default") and not v.startswith("localhost/")
    )
    if notes:
        values += notes
        who.append(plural(len(notes), "annotation"))
    if not who:
        return None
    detail = f"{' and '.join(who)} must not set AppArmor profile type to {quoted(values)}"
    return Finding(plural(len(values), "forbidden AppArmor profile"), detail)


def capabilities(_metadata: Obj, spec: Obj) -> Finding | None:
    def forbidden(container: Obj) -> list[str]:
        added = (security(container).get("capabilities") or {}).get("add") or []
        return [c for c in added if c not in CAPABILITIES]

    bad = where(spec, forbidden)
    if not bad:
        return None
    added = quoted(sorted({name for c in containers(spec) for name in forbidden(c)}))
    detail = f"{named(bad)} must not include {added} in securityContext.capabilities.add"
    return Finding("non-default capabilities", detail)


def host_namespaces(_metadata: Obj, spec: Obj) -> Finding | None:
    shared = [f"{f}=true" for f in ("hostNetwork", "hostPID", "hostIPC") if spec.get(f)]
    return Finding("host namespaces", ", ".join(shared)) if shared else None


def host_path_volumes(_metadata: Obj, spec: Obj) -> Finding | None:
    bad = [v["name"] for v in spec.get("volumes") or [] if v.get("hostPath") is not None]
    return Finding("hostPath volumes", named(bad, "volume")) if bad else None


def host_ports(_metadata: Obj, spec: Obj) -> Finding | None:
    def ports(container: Obj) -> list[str]:
        return [str(p["hostPort"]) for p in container.get("ports") or [] if p.get("hostPort")]

    bad = where(spec, ports)
    if not bad:
        return None
    used = sorted({p for c in containers(spec) for p in ports(c)})
    verb, what = plural(len(bad), "uses", "use"), plural(len(used), "hostPort")
    return Finding("hostPort", f"{named(bad)} {verb} {what} {', '.join(used)}")


def probe_hosts(_metadata: Obj, spec: Obj) -> Finding | None:
    def hosts(container: Obj) -> list[str]:
        probes = [container.get(f) or {} for f in ("livenessProbe", "readinessProbe", "startupProbe")]
        life = container.get("lifecycle") or {}
        handlers = [*probes, life.get("postStart") or {}, life.get("preStop") or {}]
        found = [(h.get(kind) or {}).get("host") for h in handlers for kind in ("httpGet", "tcpSocket")]
        return [h for h in found if h]

    bad = sorted(set(where(spec, hosts)))
    if not bad:
        return None
    used = sorted({h for c in containers(spec) for h in hosts(c)})
    verb, what = plural(len(bad), "uses", "use"), plural(len(used), "probe or lifecycle host")
    return Finding("probe or lifecycle host", f"{named(bad)} {verb} {what} {quoted(used)}")


def privileged(_metadata: Obj, spec: Obj) -> Finding | None:
    bad = where(spec, lambda c: security(c).get("privileged"))
    return Finding("privileged", f"{named(bad)} must not set securityContext.privileged=true") if bad else None


def proc_mount(_metadata: Obj, spec: Obj) -> Finding | None:
    def unmasked(container: Obj) -> str:
        mount = security(container).get("procMount")
        return str(mount) if mount not in (None, "Default") else ""

    bad = where(spec, unmasked)
    if not bad:
        return None
    kinds = quoted(sorted({m for c in containers(spec) if (m := unmasked(c))}))
    return Finding("procMount", f"{named(bad)} must not set securityContext.procMount to {kinds}")


def se_linux(allowed: frozenset[str], _metadata: Obj, spec: Obj) -> Finding | None:
    def wrong(part: Obj) -> bool:
        options = security(part).get("seLinuxOptions")
        if options is None:
            return False
        return bool(options.get("type", "") not in allowed or options.get("user") or options.get("role"))

    bad = where(spec, wrong)
    if not bad and not wrong(spec):
        return None
    given = [security(p).get("seLinuxOptions") or {} for p in (spec, *containers(spec))]
    types = sorted({o["type"] for o in given if o.get("type", "") not in allowed})
    parts = [f"{plural(len(types), 'type')} {quoted(types)}"] if types else []
    parts += [f"{field} may not be set" for field in ("user", "role") if any(o.get(field) for o in given)]
    who = setters(wrong(spec), bad)
    return Finding("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(parts)}")


def seccomp_annotations(metadata: Obj, spec: Obj) -> Finding | None:
    """Before seccomp had fields."""
    notes = metadata.get("annotations") or {}
    keys = [SECCOMP_POD, *(SECCOMP_CONTAINER + c["name"] for c in containers(spec))]
    bad = sorted(
        f"{k}={go_quote(notes[k])}"
        for k in dict.fromkeys(keys)
        if k in notes
        and notes[k] not in ("runtime/default", "docker/default")
        and not notes[k].startswith("localhost/")
    )
    if not bad:
        return None
    return Finding("seccompProfile", f"forbidden {plural(len(bad), 'annotation')} {', '.join(bad)}")


def seccomp_type(part: Obj) -> str | None:
    """The profile that a pod or container names; None for none."""
    profile = security(part).get("seccompProfile")
    return None if profile is None else str(profile.get("type", ""))


def seccomp(_metadata: Obj, spec: Obj) -> Finding | None:
    def wrong(part: Obj) -> bool:
        return seccomp_type(part) not in (None, *PROFILES)

    bad = where(spec, wrong)
    if not bad and not wrong(spec):
        return None
    values = quoted(sorted({str(seccomp_type(p)) for p in (spec, *containers(spec)) if wrong(p)}))
    who = setters(wrong(spec), bad)
    return Finding("seccompProfile", f"{who} must not set securityContext.seccompProfile.type to {values}")


def sysctls(allowed: frozenset[str], _metadata: Obj, spec: Obj) -> Finding | None:
    bad = [s["name"] for s in security(spec).get("sysctls") or [] if s["name"] not in allowed]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def windows_host_process(_metadata: Obj, spec: Obj) -> Finding | None:
    def is_set(part: Obj) -> bool:
        return bool((security(part).get("windowsOptions") or {}).get("hostProcess"))

    bad = where(spec, is_set)
    if not bad and not is_set(spec):
        return None
    who = setters(is_set(spec), bad)
    return Finding("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true")


def _with(check: Callable[[frozenset[str], Obj, Obj], Finding | None], allowed: frozenset[str]) -> CheckPod:
    return partial(check, allowed)


CHECKS = (
    Check("appArmorProfile", ((0, app_armor),)),
    Check("capabilities_baseline", ((0, capabilities),)),
    Check("hostNamespaces", ((0, host_namespaces),)),
    Check("hostPathVolumes", ((0, host_path_volumes),)),
    Check("hostPorts", ((0, host_ports),)),
    Check("hostProbesAndHostLifecycle", ((34, probe_hosts),)),
    Check("privileged", ((0, privileged),)),
    Check("procMount", ((0, proc_mount), (35, unless(in_user_namespace, proc_mount)))),
    Check("seLinuxOptions", ((0, _with(se_linux, SE_LINUX)), (31, _with(se_linux, SE_LINUX_31)))),
    Check("seccompProfile_baseline", ((0, seccomp_annotations), (19, seccomp))),
    Check(
        "sysctls",
        (
            (0, _with(sysctls, SYSCTLS)),
            (27, _with(sysctls, SYSCTLS_27)),
            (29, _with(sysctls, SYSCTLS_29)),
            (32, _with(sysctls, SYSCTLS_32)),
        ),
    ),
    Check("windowsHostProcess", ((0, windows_host_process),)),
)
