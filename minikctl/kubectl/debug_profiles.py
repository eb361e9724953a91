"""What `debug --profile` changes in a pod that is to be debugged. Pure. Source: kubectl `pkg/cmd/debug/profiles.go`.

Functions take a pod of the caller's own and change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.meta import Obj

EPHEMERAL, COPY, NODE = "ephemeral", "copy", "node"
"""How is debugged: a container more in the pod, a copy of the pod, a pod on the node."""


@dataclass(frozen=True)
class Keep:
    """What a copy keeps of its pod."""

    labels: bool = False
    annotations: bool = False
    liveness: bool = False
    readiness: bool = False
    startup: bool = False
    init_containers: bool = True


def apply(profile: str, style: str, pod: Obj, container: str, keep: Keep = Keep()) -> None:
    """Raises KeyError for an unknown profile."""
    PROFILES[profile](style, pod, _container(pod, container), keep)


def _container(pod: Obj, name: str) -> Obj:
    everything = [c for f in ("initContainers", "containers", "ephemeralContainers") for c in pod["spec"].get(f) or []]
    return next(c for c in everything if c["name"] == name)


def _legacy(style: str, pod: Obj, _container: Obj, _keep: Keep) -> None:
    if style == NODE:
        _mount_root(pod, _container)
        _use_host_namespaces(pod)
    elif style == COPY:
        pod["metadata"].pop("labels", None)


def _general(style: str, pod: Obj, container: Obj, keep: Keep) -> None:
    if style == NODE:
        _mount_root(pod, container)
        container.pop("securityContext", None)
        _use_host_namespaces(pod)
        return
    if style == COPY:
        _strip(pod, keep)
        _share_processes(pod)
    _add_capabilities(container, "SYS_PTRACE")


def _baseline(style: str, pod: Obj, container: Obj, keep: Keep) -> None:
    container.pop("securityContext", None)
    if style == COPY:
        _strip(pod, keep)
        _share_processes(pod)


def _restricted(style: str, pod: Obj, container: Obj, keep: Keep) -> None:
    container["securityContext"] = {
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if style == COPY:
        _strip(pod, keep)
        _share_processes(pod)


def _netadmin(style: str, pod: Obj, container: Obj, keep: Keep) -> None:
    _add_capabilities(container, "NET_ADMIN", "NET_RAW")
    if style == NODE:
        _use_host_namespaces(pod)
    elif style == COPY:
        _strip(pod, keep)
        _share_processes(pod)


def _sysadmin(style: str, pod: Obj, container: Obj, keep: Keep) -> None:
    _context(container)["privileged"] = True
    if style == NODE:
        _use_host_namespaces(pod)
        _mount_root(pod, container)
    elif style == COPY:
        _strip(pod, keep)
        _share_processes(pod)


PROFILES: dict[str, Callable[[str, Obj, Obj, Keep], None]] = {
    "general": _general,
    "baseline": _baseline,
    "restricted": _restricted,
    "netadmin": _netadmin,
    "sysadmin": _sysadmin,
    "legacy": _legacy,
}


# ---------------------------------------------------------------------- single changes


def _context(container: Obj) -> Obj:
    if not container.get("securityContext"):
        container["securityContext"] = {}
    found: Obj = container["securityContext"]
    return found


def _add_capabilities(container: Obj, *names: str) -> None:
    context = _context(container)
    capabilities = context.get("capabilities") or {}
    context["capabilities"] = {**capabilities, "add": [*(capabilities.get("add") or []), *names]}


def _strip(pod: Obj, keep: Keep) -> None:
    """A copy must not take part in its original's work, nor be restarted while it is looked at."""
    if not keep.labels:
        pod["metadata"].pop("labels", None)
    if not keep.annotations:
        pod["metadata"].pop("annotations", None)
    dropped = {"livenessProbe": keep.liveness, "readinessProbe": keep.readiness, "startupProbe": keep.startup}
    for container in pod["spec"].get("containers") or []:
        for probe, kept in dropped.items():
            if not kept:
                container.pop(probe, None)
    if not keep.init_containers:
        pod["spec"].pop("initContainers", None)


def _share_processes(pod: Obj) -> None:
    if pod["spec"].get("shareProcessNamespace") is None:
        pod["spec"]["shareProcessNamespace"] = True


def _use_host_namespaces(pod: Obj) -> None:
    pod["spec"] |= {"hostNetwork": True, "hostPID": True, "hostIPC": True}


def _mount_root(pod: Obj, container: Obj) -> None:
    root = {"name": "host-root", "hostPath": {"path": "/"}}
    pod["spec"]["volumes"] = [*(pod["spec"].get("volumes") or []), root]
    mount = {"name": "host-root", "mountPath": "/host"}
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
