"""Volume mounts and block devices of a container. Source: Kubernetes `ValidateVolumeMounts`, `ValidateVolumeDevices`."""

from __future__ import annotations

from minikctl.api.errors import (
    field_forbidden,
    field_invalid,
    field_not_found,
    field_not_supported,
    field_required,
)
from minikctl.api.meta import Obj
from minikctl.api.validation.common import Errors, backsteps, descending_path

_PROPAGATION = ["Bidirectional", "HostToContainer", "None"]
_RECURSIVE = ["Disabled", "Enabled", "IfPossible"]
_BLOCK_SOURCES = ("persistentVolumeClaim", "ephemeral")


def validate(container: Obj, volumes: dict[str, Obj], path: str) -> Errors:
    """`volumes`: the pod's, by name."""
    mounts, devices = container.get("volumeMounts") or [], container.get("volumeDevices") or []
    errors = _mounts(mounts, devices, volumes, container, f"{path}.volumeMounts")
    return errors + _devices(devices, mounts, volumes, f"{path}.volumeDevices")


def _mounts(mounts: list[Obj], devices: list[Obj], volumes: dict[str, Obj], container: Obj, path: str) -> Errors:
    errors: Errors = []
    device_paths = {d.get("name"): d.get("devicePath") for d in devices}
    seen: set[str] = set()
    for i, mount in enumerate(mounts):
        at, name, where = f"{path}[{i}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(field_required(f"{at}.name"))
        if name not in volumes:
            errors.append(field_not_found(f"{at}.name", name))
        if not where:
            errors.append(field_required(f"{at}.mountPath"))
        if where in seen:
            errors.append(field_invalid(f"{at}.mountPath", where, "must be unique"))
        seen.add(where)
        if name in device_paths:
            errors.append(field_invalid(f"{at}.name", name, "must not already exist in volumeDevices"))
        if where in device_paths.values():
            why = "must not already exist as a path in volumeDevices"
            errors.append(field_invalid(f"{at}.mountPath", where, why))
        errors += _sub_path(mount, at, path)
        errors += _propagation(mount, container, f"{path}.mountPropagation")
        errors += _recursive(mount, f"{path}.recursiveReadOnly")
    return errors


def _sub_path(mount: Obj, at: str, path: str) -> Errors:
    """Bad paths are reported at the list, as Kubernetes does."""
    errors: Errors = []
    if mount.get("subPath"):
        errors += descending_path(mount["subPath"], f"{path}.subPath")
    expression = mount.get("subPathExpr")
    if expression:
        if mount.get("subPath"):
            why = "subPathExpr and subPath are mutually exclusive"
            errors.append(field_invalid(f"{at}.subPathExpr", expression, why))
        errors += descending_path(expression, f"{path}.subPathExpr")
    return errors


def _propagation(mount: Obj, container: Obj, path: str) -> Errors:
    mode = mount.get("mountPropagation")
    if mode is None:
        return []
    if mode not in _PROPAGATION:
        return [field_not_supported(path, mode, _PROPAGATION)]
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        return [field_forbidden(path, "Bidirectional mount propagation is available only to privileged containers")]
    return []


def _recursive(mount: Obj, path: str) -> Errors:
    mode = mount.get("recursiveReadOnly")
    if mode is None or mode == "Disabled":
        return []
    if mode not in _RECURSIVE:
        return [field_not_supported(path, mode, _RECURSIVE)]
    errors = [] if mount.get("readOnly") else [field_forbidden(path, "may only be specified when readOnly is true")]
    if mount.get("mountPropagation") not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        errors.append(field_forbidden(path, why))
    return errors


def _devices(devices: list[Obj], mounts: list[Obj], volumes: dict[str, Obj], path: str) -> Errors:
    errors: Errors = []
    mount_paths = {m.get("name"): m.get("mountPath") for m in mounts}
    paths: set[str] = set()
    names: set[str] = set()
    for i, device in enumerate(devices):
        at, name, where = f"{path}[{i}]", device.get("name") or "", device.get("devicePath") or ""
        if not name:
            errors.append(field_required(f"{at}.name"))
        if name in names:
            errors.append(field_invalid(f"{at}.name", name, "must be unique"))
        if name not in volumes:
            errors.append(field_not_found(f"{at}.name", name))
        elif not any(volumes[name].get(s) is not None for s in _BLOCK_SOURCES):
            why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.append(field_invalid(f"{at}.name", name, why))
        if not where:
            errors.append(field_required(f"{at}.devicePath"))
        if where in paths:
            errors.append(field_invalid(f"{at}.devicePath", where, "must be unique"))
        if where and backsteps(where, ""):
            errors.append(field_invalid(f"{at}.devicePath", where, "can not contain backsteps ('..')"))
        else:
            paths.add(where)
        if name in mount_paths:
            errors.append(field_invalid(f"{at}.name", name, "must not already exist in volumeMounts"))
        if where in mount_paths.values():
            why = "must not already exist as a path in volumeMounts"
            errors.append(field_invalid(f"{at}.devicePath", where, why))
        if name:
            names.add(name)
    return errors
