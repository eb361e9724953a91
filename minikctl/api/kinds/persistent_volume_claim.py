"""PersistentVolumeClaim: a request for storage, bound to a PersistentVolume."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, annotations_of, is_deleting

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_SHORT = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def default(obj: Obj) -> None:
    obj["spec"].setdefault("volumeMode", "Filesystem")


def prepare_for_create(obj: Obj) -> None:
    obj["status"] = {"phase": "Pending"}
    sync_sources(obj["spec"])


def prepare_for_update(obj: Obj, _old: Obj) -> None:
    sync_sources(obj["spec"])


def sync_sources(spec: Obj) -> None:
    """dataSource and dataSourceRef say the same, unless the reference leads to another namespace (KEP-1495, 3294)."""
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and ref is None:
        spec["dataSourceRef"] = dict(source)
    elif ref is not None and source is None and not ref.get("namespace"):
        spec["dataSource"] = {k: v for k, v in ref.items() if k != "namespace"}


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import persistent_volume_claim

    return persistent_volume_claim.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import persistent_volume_claim

    return persistent_volume_claim.validate_update(obj, old)


def validate_status_update(obj: Obj, _old: Obj) -> list[FieldError]:
    from minikctl.api.validation import persistent_volume_claim

    return persistent_volume_claim.validate_status(obj)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api import quantity

    texts = class_warnings(obj)
    size = ((obj["spec"].get("resources") or {}).get("requests") or {}).get("storage")
    if size is not None and quantity.parse(size) % quantity.NANO:
        where = "spec.resources.requests[storage]"
        texts.append(f'{where}: fractional byte value "{size}" is invalid, must be an integer')
    return texts


def class_warnings(obj: Obj) -> list[str]:
    """The annotation that spec.storageClassName has replaced."""
    if CLASS_ANNOTATION not in annotations_of(obj):
        return []
    return [
        f'metadata.annotations[{CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead'
    ]


def storage_class(obj: Obj) -> str:
    return str(annotations_of(obj).get(CLASS_ANNOTATION) or obj.get("spec", {}).get("storageClassName") or "")


def access_modes(modes: list[str] | None) -> str:
    """`RWO,ROX`: in this order, each once."""
    return ",".join(short for mode, short in _SHORT.items() if mode in (modes or []))


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, status, meta = obj.get("spec", {}), obj.get("status") or {}, obj["metadata"]
    volume = spec.get("volumeName") or ""
    return [
        meta["name"],
        "Terminating" if is_deleting(obj) else status.get("phase", ""),
        volume,
        (status.get("capacity") or {}).get("storage", "0") if volume else "",
        access_modes(status.get("accessModes")) if volume else "",
        storage_class(obj),
        spec.get("volumeAttributesClassName") or "<unset>",
        since(meta.get("creationTimestamp"), now),
        spec.get("volumeMode") or "<unset>",
    ]


KIND = Kind(
    group="",
    version="v1",
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    type="core/v1.PersistentVolumeClaim",
    short_names=("pvc",),
    subresources=("status",),
    default=default,
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Status"),
        Column("Volume"),
        Column("Capacity"),
        Column("Access Modes"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        AGE,
        Column("VolumeMode", priority=1),
    ),
    row=row,
)
