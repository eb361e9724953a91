"""What each type of volume needs. `CHECKS` is in the order in which Kubernetes looks at them.

Source: Kubernetes `pkg/apis/core/validation` (`validate…VolumeSource`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from minikctl.api import quantity
from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain
from minikctl.api.validation.common import (
    Errors,
    all_invalid,
    backsteps,
    descending_path,
    file_mode,
    file_path,
    in_range,
    one_of,
    required,
)
from minikctl.api.validation.env import file_source

Check = Callable[[Obj, str], Errors]
_HOST_PATH_TYPES = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"]
_ISCSI_FORMS = {
    "iqn": re.compile(r".*iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$"),
    "eui": re.compile(r"^eui.[A-Za-z0-9]{16}$"),
    "naa": re.compile(r"^naa.[A-Za-z0-9]{32}$"),
}


def needs(*fields: str) -> Check:
    """A source that is fine when these fields are there."""

    def check(source: Obj, path: str) -> Errors:
        return [field_required(f"{path}.{f}") for f in fields if not source.get(f)]

    return check


def _empty_dir(source: Obj, path: str) -> Errors:
    limit = source.get("sizeLimit")
    if limit is not None and quantity.parse(limit) < 0:
        return [field_forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def _host_path(source: Obj, path: str) -> Errors:
    if not source.get("path"):
        return [field_required(f"{path}.path")]
    errors = backsteps(source["path"], f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(field_not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _git_repo(source: Obj, path: str) -> Errors:
    errors = required(source.get("repository"), f"{path}.repository")
    return errors + descending_path(source.get("directory") or "", f"{path}.directory")


def _disk(field: str) -> Check:
    def check(source: Obj, path: str) -> Errors:
        errors = required(source.get(field), f"{path}.{field}")
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            errors.append(field_invalid(f"{path}.partition", partition, in_range(1, 255)))
        return errors

    return check


def key_to_path(item: Obj, path: str) -> Errors:
    errors = required(item.get("key"), f"{path}.key") + required(item.get("path"), f"{path}.path")
    errors += file_path(item.get("path") or "", f"{path}.path")
    return errors + file_mode(item.get("mode"), f"{path}.mode")


def _keys(name_field: str) -> Check:
    """A ConfigMap or Secret as files."""

    def check(source: Obj, path: str) -> Errors:
        errors = required(source.get(name_field), f"{path}.{name_field}")
        errors += file_mode(source.get("defaultMode"), f"{path}.defaultMode")
        for i, item in enumerate(source.get("items") or []):
            errors += key_to_path(item, f"{path}.items[{i}]")
        return errors

    return check


def _nfs(source: Obj, path: str) -> Errors:
    errors = required(source.get("server"), f"{path}.server") + required(source.get("path"), f"{path}.path")
    where = source.get("path") or ""
    if not where.startswith("/"):
        errors.append(field_invalid(f"{path}.path", where, "must be an absolute path"))
    return errors


def _iscsi(source: Obj, path: str) -> Errors:
    errors = required(source.get("targetPortal"), f"{path}.targetPortal")
    errors += (
        _iscsi_name(source.get("iqn") or "", f"{path}.iqn") if source.get("iqn") else [field_required(f"{path}.iqn")]
    )
    lun = source.get("lun") or 0
    if not 0 <= lun <= 255:
        errors.append(field_invalid(f"{path}.lun", lun, in_range(0, 255)))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        errors.append(field_required(f"{path}.secretRef"))
    if source.get("initiatorName") is not None:
        errors += _iscsi_name(source["initiatorName"], f"{path}.initiatorname")
    return errors


def _iscsi_name(name: str, path: str) -> Errors:
    form = _ISCSI_FORMS.get(name[:3])
    if form is None:
        return [field_invalid(path, name, "must be valid format starting with iqn, eui, or naa")]
    return [] if form.match(name) else [field_invalid(path, name, "must be valid format")]


def _flocker(source: Obj, path: str) -> Errors:
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID")
    if not name and not uuid:
        return [field_required(path, "one of datasetName and datasetUUID is required")]
    errors: Errors = []
    if name and uuid:
        why = "datasetName and datasetUUID can not be specified simultaneously"
        errors.append(field_invalid(path, "resource", why))
    if "/" in name:
        errors.append(field_invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def _fc(source: Obj, path: str) -> Errors:
    names, ids, lun = source.get("targetWWNs") or [], source.get("wwids") or [], source.get("lun")
    at = f"{path}.targetWWNs"
    errors: Errors = []
    if not names and not ids:
        errors.append(field_required(at, "must specify either targetWWNs or wwids, but not both"))
    if names and ids:
        errors.append(field_invalid(at, names, "targetWWNs and wwids can not be specified simultaneously"))
    if names and lun is None:
        errors.append(field_required(f"{path}.lun", "lun is required if targetWWNs is specified"))
    elif names and lun is not None and not 0 <= lun <= 255:
        errors.append(field_invalid(f"{path}.lun", lun, in_range(0, 255)))
    return errors


def _flex(source: Obj, path: str) -> Errors:
    errors = required(source.get("driver"), f"{path}.driver")
    for key in sorted(source.get("options") or {}):
        domain = "." + key.split("/", 1)[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            why = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(field_invalid(f"{path}.options[{key}]", key, why))
    return errors


def _quobyte(source: Obj, path: str) -> Errors:
    pairs = "must be a host:port pair or multiple pairs separated by commas"
    registry = source.get("registry") or ""
    errors: Errors = []
    if not registry:
        errors.append(field_required(f"{path}.registry", pairs))
    elif len(source.get("tenant") or "") >= 65:
        why = "must be a UUID and may not exceed a length of 64 characters"
        errors.append(field_required(f"{path}.tenant", why))
    else:
        bad = [p for p in registry.split(",") if p.count(":") != 1]
        errors += [field_invalid(f"{path}.registry", registry, pairs) for _ in bad]
    return errors + required(source.get("volume"), f"{path}.volume")


def _azure_disk(source: Obj, path: str) -> Errors:
    errors = required(source.get("diskName"), f"{path}.diskName") + required(source.get("diskURI"), f"{path}.diskURI")
    choices = {"cachingMode": ["None", "ReadOnly", "ReadWrite"], "kind": ["Dedicated", "Managed", "Shared"]}
    for field, words in choices.items():
        if source.get(field) is not None and source[field] not in words:
            errors.append(field_not_supported(f"{path}.{field}", source[field], words))
    uri, kind = source.get("diskURI") or "", source.get("kind")
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        form = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
        errors.append(field_not_supported(f"{path}.diskURI", uri, [form]))
    if kind is not None and kind != "Managed" and not uri.startswith("https://"):
        form = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
        errors.append(field_not_supported(f"{path}.diskURI", uri, [form]))
    return errors


def _csi(source: Obj, path: str) -> Errors:
    driver = source.get("driver") or ""
    errors = (
        all_invalid(dns_subdomain, driver.lower(), f"{path}.driver") if driver else [field_required(f"{path}.driver")]
    )
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        name = secret.get("name") or ""
        at = f"{path}.nodePublishSecretRef.name"
        errors += all_invalid(dns_subdomain, name, at) if name else [field_required(at)]
    return errors


def _storage_os(source: Obj, path: str) -> Errors:
    errors = required(source.get("volumeName"), f"{path}.volumeName")
    if source.get("secretRef") is not None:
        errors += required(source["secretRef"].get("name"), f"{path}.secretRef.name")
    return errors


def _cinder(source: Obj, path: str) -> Errors:
    errors = required(source.get("volumeID"), f"{path}.volumeID")
    if source.get("secretRef") is not None:
        errors += required(source["secretRef"].get("name"), f"{path}.secretRef.name")
    return errors


def _downward_api(source: Obj, path: str) -> Errors:
    errors = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or []:
        errors += file_source(item, path) + file_mode(item.get("mode"), f"{path}.mode")
    return errors


def _ephemeral(source: Obj, path: str) -> Errors:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [field_required(f"{path}.volumeClaimTemplate")]
    spec, at = template.get("spec") or {}, f"{path}.volumeClaimTemplate.spec"
    errors: Errors = []
    if not spec.get("accessModes"):
        errors.append(field_required(f"{at}.accessModes", "at least 1 access mode is required"))
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        errors.append(field_required(f"{at}.resources[storage]"))
    return errors


def _image(source: Obj, path: str) -> Errors:
    errors = required(source.get("reference"), f"{path}.reference")
    return errors + one_of(source.get("pullPolicy") or "", ["Always", "IfNotPresent", "Never"], f"{path}.pullPolicy")


# ---------------------------------------------------------------------- projected


def _projected(source: Obj, path: str) -> Errors:
    errors = file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    used: set[str] = set()
    for i, projection in enumerate(source.get("sources") or []):
        at = f"{path}.sources[{i}]"
        given = [k for k, v in projection.items() if v is not None]
        for kind in ("secret", "configMap"):
            if projection.get(kind) is not None:
                errors += _projected_keys(projection[kind], used, f"{at}.{kind}", path)
        for item in (projection.get("downwardAPI") or {}).get("items") or []:
            errors += file_source(item, f"{at}.downwardAPI") + file_mode(item.get("mode"), f"{at}.downwardAPI.mode")
            errors += _distinct(item.get("path"), item.get("path"), used, path)
        if projection.get("serviceAccountToken") is not None:
            errors += _token(projection["serviceAccountToken"], f"{at}.serviceAccountToken", path)
        if projection.get("clusterTrustBundle") is not None:
            bundle = projection["clusterTrustBundle"]
            errors += _trust_bundle(bundle, f"{at}.clusterTrustBundle")
            errors += _distinct(bundle.get("path"), bundle.get("path"), used, path)
        if len(given) > 1:
            errors.append(field_forbidden(at, "may not specify more than 1 volume type per source"))
        elif not given:
            errors.append(field_required(at, "must specify a source type"))
    return errors


def _projected_keys(source: Obj, used: set[str], at: str, path: str) -> Errors:
    errors = required(source.get("name"), f"{at}.name")
    for i, item in enumerate(source.get("items") or []):
        errors += key_to_path(item, f"{at}.items[{i}]")
        errors += _distinct(item.get("path"), source.get("name") or "", used, path)
    return errors


def _distinct(file: str | None, shown: str | None, used: set[str], path: str) -> Errors:
    if not file:
        return []
    if file in used:
        return [field_invalid(path, shown, "conflicting duplicate paths")]
    used.add(file)
    return []


def _token(source: Obj, at: str, path: str) -> Errors:
    errors: Errors = []
    seconds = source.get("expirationSeconds") or 0
    if seconds < 600:
        why = "may not specify a duration less than 10 minutes"
        errors.append(field_invalid(f"{at}.expirationSeconds", seconds, why))
    if seconds > 1 << 32:
        why = "may not specify a duration larger than 2^32 seconds"
        errors.append(field_invalid(f"{at}.expirationSeconds", seconds, why))
    if not source.get("path"):
        return [*errors, field_required(f"{path}.path")]
    return errors + file_path(source["path"], f"{path}.path")


def _trust_bundle(source: Obj, path: str) -> Errors:
    name, signer = source.get("name"), source.get("signerName")
    errors: Errors = []
    if name is not None and signer is not None:
        errors.append(field_invalid(path, source, "only one of name and signerName may be used"))
    elif name is None and signer is None:
        errors.append(field_required(path, "either name or signerName must be specified"))
    elif name is not None and source.get("labelSelector") is not None:
        why = "labelSelector must be unset if name is specified"
        errors.append(field_invalid(f"{path}.labelSelector", source["labelSelector"], why))
    errors += required(source.get("path"), f"{path}.path")
    return errors + file_path(source.get("path") or "", f"{path}.path")


CHECKS: dict[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "secret": _keys("secretName"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": needs("endpoints", "path"),
    "flocker": _flocker,
    "persistentVolumeClaim": needs("claimName"),
    "rbd": needs("monitors", "image"),
    "cinder": _cinder,
    "cephfs": needs("monitors"),
    "quobyte": _quobyte,
    "downwardAPI": _downward_api,
    "fc": _fc,
    "flexVolume": _flex,
    "configMap": _keys("name"),
    "azureFile": needs("secretName", "shareName"),
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
    "projected": _projected,
    "scaleIO": needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
SHOWN = {"gcePersistentDisk": "persistentDisk"}
"""Volume types whose errors name another field, as Kubernetes' do."""
