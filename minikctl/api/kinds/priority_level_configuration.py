"""PriorityLevelConfiguration."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="PriorityLevelConfiguration",
    plural="prioritylevelconfigurations",
    type="flowcontrol/v1.PriorityLevelConfiguration",
    namespaced=False,
    subresources=("status",),
    has_generation=True,
)
