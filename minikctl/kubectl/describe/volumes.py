"""Where volumes come from: one row a source, used by pods, pod templates and persistent volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.kubectl.describe import metadata
from minikctl.kubectl.describe.values import go, go_reference, storage_class
from minikctl.kubectl.describe.writer import Writer

Row = tuple[str, str, Any]
"""(title, field, what Go has when the field is absent, or a function from the field to text)."""


def _secret(value: Any) -> str:
    return go_reference(value)


def _optional(value: Any) -> str:
    return go(bool(value))


def _or_none(value: Any) -> str:
    return "<none>" if value is None else str(value)


def _comma(value: Any) -> str:
    return ", ".join(value or [])


def _size_limit(value: Any) -> str:
    return str(value) if value and quantity.parse(value) > 0 else "<unset>"


_READ_ONLY: Row = ("ReadOnly", "readOnly", False)
_FS: Row = ("FSType", "fsType", "")
_ISCSI: tuple[Row, ...] = (
    ("TargetPortal", "targetPortal", ""),
    ("IQN", "iqn", ""),
    ("Lun", "lun", 0),
    ("ISCSIInterface", "iscsiInterface", ""),
    _FS,
    _READ_ONLY,
    ("Portals", "portals", []),
    ("DiscoveryCHAPAuth", "chapAuthDiscovery", False),
    ("SessionCHAPAuth", "chapAuthSession", False),
    ("SecretRef", "secretRef", _secret),
    ("InitiatorName", "initiatorName", _or_none),
)

SOURCES: dict[str, tuple[str, tuple[Row, ...]]] = {
    "hostPath": (
        "HostPath (bare host directory volume)",
        (("Path", "path", ""), ("HostPathType", "type", _or_none)),
    ),
    "emptyDir": (
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        (("Medium", "medium", ""), ("SizeLimit", "sizeLimit", _size_limit)),
    ),
    "gcePersistentDisk": (
        "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
        (("PDName", "pdName", ""), _FS, ("Partition", "partition", 0), _READ_ONLY),
    ),
    "awsElasticBlockStore": (
        "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
        (("VolumeID", "volumeID", ""), _FS, ("Partition", "partition", 0), _READ_ONLY),
    ),
    "gitRepo": (
        "GitRepo (a volume that is pulled from git when the pod is created)",
        (("Repository", "repository", ""), ("Revision", "revision", "")),
    ),
    "secret": (
        "Secret (a volume populated by a Secret)",
        (("SecretName", "secretName", ""), ("Optional", "optional", _optional)),
    ),
    "configMap": (
        "ConfigMap (a volume populated by a ConfigMap)",
        (("Name", "name", ""), ("Optional", "optional", _optional)),
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        (("Server", "server", ""), ("Path", "path", ""), _READ_ONLY),
    ),
    "iscsi": (
        "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
        _ISCSI,
    ),
    "glusterfs": (
        "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)",
        (("EndpointsName", "endpoints", ""), ("Path", "path", ""), _READ_ONLY),
    ),
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        (("ClaimName", "claimName", ""), _READ_ONLY),
    ),
    "rbd": (
        "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)",
        (
            ("CephMonitors", "monitors", []),
            ("RBDImage", "image", ""),
            _FS,
            ("RBDPool", "pool", ""),
            ("RadosUser", "user", ""),
            ("Keyring", "keyring", ""),
            ("SecretRef", "secretRef", _secret),
            _READ_ONLY,
        ),
    ),
    "quobyte": (
        "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)",
        (("Registry", "registry", ""), ("Volume", "volume", ""), _READ_ONLY),
    ),
    "azureDisk": (
        "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)",
        (
            ("DiskName", "diskName", ""),
            ("DiskURI", "diskURI", ""),
            ("Kind", "kind", ""),
            _FS,
            ("CachingMode", "cachingMode", ""),
            _READ_ONLY,
        ),
    ),
    "vsphereVolume": (
        "vSphereVolume (a Persistent Disk resource in vSphere)",
        (("VolumePath", "volumePath", ""), _FS, ("StoragePolicyName", "storagePolicyName", "")),
    ),
    "cinder": (
        "Cinder (a Persistent Disk resource in OpenStack)",
        (("VolumeID", "volumeID", ""), _FS, _READ_ONLY, ("SecretRef", "secretRef", _secret)),
    ),
    "photonPersistentDisk": (
        "PhotonPersistentDisk (a Persistent Disk resource in photon platform)",
        (("PdID", "pdID", ""), _FS),
    ),
    "portworxVolume": ("PortworxVolume (a Portworx Volume resource)", (("VolumeID", "volumeID", ""),)),
    "scaleIO": (
        "ScaleIO (a persistent volume backed by a block device in ScaleIO)",
        (
            ("Gateway", "gateway", ""),
            ("System", "system", ""),
            ("Protection Domain", "protectionDomain", ""),
            ("Storage Pool", "storagePool", ""),
            ("Storage Mode", "storageMode", ""),
            ("VolumeName", "volumeName", ""),
            _FS,
            _READ_ONLY,
        ),
    ),
    "cephfs": (
        "CephFS (a CephFS mount on the host that shares a pod's lifetime)",
        (
            ("Monitors", "monitors", []),
            ("Path", "path", ""),
            ("User", "user", ""),
            ("SecretFile", "secretFile", ""),
            ("SecretRef", "secretRef", _secret),
            _READ_ONLY,
        ),
    ),
    "storageos": (
        "StorageOS (a StorageOS Persistent Disk resource)",
        (("VolumeName", "volumeName", ""), ("VolumeNamespace", "volumeNamespace", ""), _FS, _READ_ONLY),
    ),
    "fc": (
        "FC (a Fibre Channel disk)",
        (("TargetWWNs", "targetWWNs", _comma), ("LUN", "lun", _or_none), _FS, _READ_ONLY),
    ),
    "azureFile": (
        "AzureFile (an Azure File Service mount on the host and bind mount to the pod)",
        (("SecretName", "secretName", ""), ("ShareName", "shareName", ""), _READ_ONLY),
    ),
    "flexVolume": (
        "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)",
        (
            ("Driver", "driver", ""),
            _FS,
            ("SecretRef", "secretRef", _secret),
            _READ_ONLY,
            ("Options", "options", {}),
        ),
    ),
    "flocker": (
        "Flocker (a Flocker volume mounted by the Flocker agent)",
        (("DatasetName", "datasetName", ""), ("DatasetUUID", "datasetUUID", "")),
    ),
    "csi": (
        "CSI (a Container Storage Interface (CSI) volume source)",
        (("Driver", "driver", ""), _FS, _READ_ONLY),
    ),
    "image": (
        "Image (a container image or OCI artifact)",
        (("Reference", "reference", ""), ("PullPolicy", "pullPolicy", "")),
    ),
    "local": (
        "LocalVolume (a persistent volume backed by local storage on a node)",
        (("Path", "path", ""),),
    ),
}
PERSISTENT: dict[str, tuple[Row, ...]] = {
    "csi": (("Driver", "driver", ""), _FS, ("VolumeHandle", "volumeHandle", ""), _READ_ONLY),
    "azureFile": (
        ("SecretName", "secretName", ""),
        ("SecretNamespace", "secretNamespace", ""),
        ("ShareName", "shareName", ""),
        _READ_ONLY,
    ),
    "glusterfs": (
        ("EndpointsName", "endpoints", ""),
        ("EndpointsNamespace", "endpointsNamespace", lambda v: "<unset>" if v is None else str(v)),
        ("Path", "path", ""),
        _READ_ONLY,
    ),
}
"""Sources that show more when they belong to a persistent volume."""


def volumes(values: list[Obj] | None, w: Writer, space: str = "") -> None:
    """All volumes of a pod; `space` is the indentation inside a template."""
    if not values:
        w.line(0, f"{space}Volumes:\t<none>")
        return
    w.line(0, f"{space}Volumes:")
    for volume in values:
        w.line(1, f"{' ' if space else ''}{volume['name']}:")
        source(volume, w)


def source(volume: Obj, w: Writer, *, persistent: bool = False) -> None:
    """The source of a volume or of a PersistentVolume's spec."""
    for key, special in _SPECIAL.items():
        if volume.get(key) is not None and not persistent:
            special(volume[key], w)
            return
    for key, (title, rows) in SOURCES.items():
        found = volume.get(key)
        if found is None or (key == "local" and not persistent):
            continue
        w.field(2, "Type", title)
        for name, field, default in PERSISTENT.get(key, rows) if persistent else rows:
            _row(w, name, found.get(field), default)
        if key == "csi":
            _attributes(w, found.get("volumeAttributes"))
        return
    w.line(1, "<unknown>")


def _row(w: Writer, name: str, value: Any, default: Any) -> None:
    if callable(default):
        text = default(value)
    else:
        text = go(default if value is None else value)
    if name == "ISCSIInterface":  # kubectl forgets the colon here
        w.line(2, f"{name}\t{text}")
    elif name == "Kind":
        w.line(2, f"{name}: \t{text}")
    else:
        w.field(2, name, text)


def _attributes(w: Writer, values: dict[str, str] | None) -> None:
    w.write(2, "VolumeAttributes:\t")
    if not values:
        w.end("<none>")
    for i, (key, value) in enumerate(sorted((values or {}).items())):
        if i:
            w.write(2, "")
            w.write(2, "\t")
        w.line(2, metadata.shorten(f"{key}={value}", metadata.LONGEST_ANNOTATION))


def _projected(value: Obj, w: Writer) -> None:
    w.field(2, "Type", "Projected (a volume that contains injected data from multiple sources)")
    for part in value.get("sources") or []:
        if part.get("secret") is not None:
            w.field(2, "SecretName", part["secret"].get("name", ""))
            w.field(2, "Optional", _optional(part["secret"].get("optional")))
        elif part.get("downwardAPI") is not None:
            w.field(2, "DownwardAPI", "true")
        elif part.get("configMap") is not None:
            w.field(2, "ConfigMapName", part["configMap"].get("name", ""))
            w.field(2, "Optional", _optional(part["configMap"].get("optional")))
        elif part.get("serviceAccountToken") is not None:
            w.field(2, "TokenExpirationSeconds", part["serviceAccountToken"].get("expirationSeconds", 3600))


def _downward_api(value: Obj, w: Writer) -> None:
    w.field(2, "Type", "DownwardAPI (a volume populated by information about the pod)")
    w.line(2, "Items:")
    for item in value.get("items") or []:
        if item.get("fieldRef"):
            w.line(3, f"{item['fieldRef'].get('fieldPath', '')} -> {item.get('path', '')}")
        if item.get("resourceFieldRef"):
            w.line(3, f"{item['resourceFieldRef'].get('resource', '')} -> {item.get('path', '')}")


def _ephemeral(value: Obj, w: Writer) -> None:
    w.field(
        2, "Type", "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
    )
    if value.get("volumeClaimTemplate") is not None:
        claim(value["volumeClaimTemplate"], w.nested(2))


_SPECIAL: dict[str, Callable[[Obj, Writer], None]] = {
    "projected": _projected,
    "downwardAPI": _downward_api,
    "ephemeral": _ephemeral,
}


def claim(pvc: Obj, w: Writer) -> None:
    """What a claim and a claim's template show alike."""
    spec = pvc.get("spec") or {}
    w.field(0, "StorageClass", storage_class(pvc))
    w.field(0, "Volume", spec.get("volumeName", ""))
    metadata.labels_and_annotations(w, pvc)
    capacity_and_modes(pvc, w)


def capacity_and_modes(pvc: Obj, w: Writer) -> None:
    from minikctl.kubectl.describe.values import access_modes

    spec, status = pvc.get("spec") or {}, pvc.get("status") or {}
    bound = bool(spec.get("volumeName"))
    w.field(0, "Capacity", (status.get("capacity") or {}).get("storage", "0") if bound else "")
    w.field(0, "Access Modes", access_modes(status.get("accessModes")) if bound else "")
    if spec.get("volumeMode") is not None:
        w.field(0, "VolumeMode", spec["volumeMode"])
    origin = spec.get("dataSource")
    if origin is not None:
        w.line(0, "DataSource:")
        if origin.get("apiGroup") is not None:
            w.field(1, "APIGroup", origin["apiGroup"])
        w.field(1, "Kind", origin.get("kind", ""))
        w.field(1, "Name", origin.get("name", ""))
