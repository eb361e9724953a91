"""VolumeAttachment."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttachment",
    plural="volumeattachments",
    type="storage/v1.VolumeAttachment",
    namespaced=False,
    subresources=("status",),
)
