"""FlowSchema."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="FlowSchema",
    plural="flowschemas",
    type="flowcontrol/v1.FlowSchema",
    namespaced=False,
    subresources=("status",),
    has_generation=True,
)
