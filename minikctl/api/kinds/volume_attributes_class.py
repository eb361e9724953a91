"""VolumeAttributesClass."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttributesClass",
    plural="volumeattributesclasses",
    type="storage/v1.VolumeAttributesClass",
    namespaced=False,
    short_names=("vac",),
)
