"""Which PersistentVolumes are valid. Source: Kubernetes `pkg/apis/core/validation`."""

from __future__ import annotations

from posixpath import normpath

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.validation.common import Errors, backsteps, immutable
from minikctl.api.validation.difference import difference
from minikctl.api.validation.persistent_volume_claim import (
    VOLUME_MODES,
    access_modes,
    optional_name,
    positive,
)

RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"]
SOURCES = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)
HOST_PATH_TYPES = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
]
_REQUIRED = {
    "nfs": ("server", "path"),
    "local": ("path",),
    "csi": ("driver", "volumeHandle"),
    "iscsi": ("targetPortal", "iqn"),
    "cephfs": ("monitors",),
    "rbd": ("monitors", "image"),
    "glusterfs": ("endpoints", "path"),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "cinder": ("volumeID",),
    "flexVolume": ("driver",),
    "azureFile": ("secretName", "shareName"),
    "azureDisk": ("diskName", "diskURI"),
    "vsphereVolume": ("volumePath",),
    "portworxVolume": ("volumeID",),
    "photonPersistentDisk": ("pdID",),
}


def validate(obj: Obj) -> Errors:
    spec = obj["spec"]
    modes = spec.get("accessModes") or []
    errors: Errors = [] if modes else [field_required("spec.accessModes")]
    errors += access_modes(modes, "spec.accessModes")
    errors += _capacity(spec.get("capacity") or {})
    policy = spec.get("persistentVolumeReclaimPolicy") or ""
    if policy and policy not in RECLAIM_POLICIES:
        errors.append(field_not_supported("spec.persistentVolumeReclaimPolicy", policy, RECLAIM_POLICIES))
    errors += _affinity(spec.get("nodeAffinity"))
    errors += _sources(spec)
    if policy == "Recycle" and spec.get("hostPath") and normpath(spec["hostPath"].get("path") or ".") == "/":
        why = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(field_forbidden("spec.persistentVolumeReclaimPolicy", why))
    errors += optional_name(spec.get("storageClassName"), "spec.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(field_not_supported("spec.volumeMode", mode, VOLUME_MODES))
    return errors + optional_name(spec.get("volumeAttributesClassName"), "spec.volumeAttributesClassName")


def _capacity(capacity: Obj) -> Errors:
    errors: Errors = [] if capacity else [field_required("spec.capacity")]
    if set(capacity) != {"storage"}:
        errors.append(field_not_supported("spec.capacity", capacity or None, ["storage"]))
    for name, text in sorted(capacity.items()):
        errors += positive(text, f"spec.capacity[{name}]")
    return errors


def _affinity(affinity: Obj | None) -> Errors:
    if affinity is None:
        return []
    at = "spec.nodeAffinity.required"
    required = affinity.get("required")
    if required is None:
        return [field_required(at, "must specify required node constraints")]
    if not required.get("nodeSelectorTerms"):
        return [field_required(f"{at}.nodeSelectorTerms", "must have at least one node selector term")]
    return []


def _sources(spec: Obj) -> Errors:
    errors: Errors = []
    given = [s for s in SOURCES if spec.get(s) is not None]
    if not given:
        return [field_required("spec", "must specify a volume type")]
    for i, source in enumerate(given):
        if i:
            errors.append(field_forbidden(f"spec.{source}", "may not specify more than 1 volume type"))
        else:
            errors += _source(source, spec[source], f"spec.{source}")
        if source == "local" and not i and not spec.get("nodeAffinity"):
            errors.append(field_required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors


def _source(kind: str, source: Obj, at: str) -> Errors:
    errors: Errors = [field_required(f"{at}.{field}") for field in _REQUIRED.get(kind, ()) if not source.get(field)]
    path = source.get("path") or ""
    if kind == "hostPath":
        if not path:
            return [field_required(f"{at}.path")]
        errors += backsteps(path, f"{at}.path")
        if source.get("type") not in (None, *HOST_PATH_TYPES):
            errors.append(field_not_supported(f"{at}.type", source["type"], HOST_PATH_TYPES))
    elif kind == "nfs" and path and not path.startswith("/"):
        errors.append(field_invalid(f"{at}.path", path, "must be an absolute path"))
    elif kind == "local" and path:
        errors += backsteps(path, f"{at}.path")
    return errors


def validate_update(obj: Obj, old: Obj) -> Errors:
    """What the volume is stays for good."""
    errors = validate(obj)
    spec, before = obj["spec"], old["spec"]
    was, now = ({s: part[s] for s in SOURCES if part.get(s) is not None} for part in (before, spec))
    if now != was:
        shown = difference("core/v1.PersistentVolumeSpec", was, now)
        why = f"spec.persistentvolumesource is immutable after creation\n{shown}"
        errors.append(field_forbidden("spec.persistentvolumesource", why))
    errors += immutable(spec.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    if before.get("nodeAffinity") is not None and spec.get("nodeAffinity") != before["nodeAffinity"]:
        why = "field is immutable, except for updating from beta label to GA"
        errors.append(field_invalid("spec.nodeAffinity", spec.get("nodeAffinity"), why))
    return errors
