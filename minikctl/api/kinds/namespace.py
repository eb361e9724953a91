"""Namespace."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    type="core/v1.Namespace",
    namespaced=False,
    short_names=("ns",),
    subresources=("status", "finalize"),
)
