"""A container's securityContext over its pod's, as the runtime is told. Pure.

Source: Kubernetes "Configure a Security Context for a Pod or Container", kubelet `kuberuntime/security_context.go`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, name, namespace, uid
from minikctl.kubelet.environment import ConfigError
from minikctl.runtime.interface import ImageStatus, Security


def security(pod: Obj, container: Obj, image: ImageStatus | None = None) -> Security:
    """Raises ConfigError: it is to run as anybody but root, and would be root, or nobody can tell."""
    shared, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}

    def setting(key: str) -> int | None:
        found = own.get(key, shared.get(key))
        return None if found is None else int(found)

    user = setting("runAsUser")
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) and (why := _is_root(user, image)):
        where = f'(pod: "{name(pod)}_{namespace(pod)}({uid(pod)})", container: {container["name"]})'
        raise ConfigError(f"{why} {where}")
    groups = list(shared.get("supplementalGroups") or [])
    if shared.get("fsGroup") is not None:
        groups.append(shared["fsGroup"])
    changes = own.get("capabilities") or {}
    privileged = bool(own.get("privileged"))
    return Security(
        user=user,
        group=setting("runAsGroup"),
        groups=tuple(int(g) for g in groups),
        read_only_root=bool(own.get("readOnlyRootFilesystem")),
        privileged=privileged,
        no_new_privileges=own.get("allowPrivilegeEscalation") is False and not privileged,
        add_capabilities=_names(changes.get("add")),
        drop_capabilities=_names(changes.get("drop")),
    )


def _is_root(user: int | None, image: ImageStatus | None) -> str:
    """What speaks against a container that must not run as root; `user` is what its pod says."""
    if user is not None:
        return "" if user else "container's runAsUser breaks non-root policy"
    if image is None or image.uid == 0:
        return "container has runAsNonRoot and image will run as root"
    if image.uid is None:
        shown = f"image has non-numeric user ({image.username}), cannot verify user is non-root"
        return f"container has runAsNonRoot and {shown}"
    return ""


def _names(listed: list[str] | None) -> tuple[str, ...]:
    return tuple(word.upper().removeprefix("CAP_") for word in listed or [])
