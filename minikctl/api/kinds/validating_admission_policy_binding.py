"""ValidatingAdmissionPolicyBinding."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    type="admissionregistration/v1.ValidatingAdmissionPolicyBinding",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
)
