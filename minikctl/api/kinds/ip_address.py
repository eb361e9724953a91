"""IPAddress."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IPAddress",
    plural="ipaddresses",
    type="networking/v1.IPAddress",
    namespaced=False,
    short_names=("ip",),
)
