"""ValidatingAdmissionPolicy."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    type="admissionregistration/v1.ValidatingAdmissionPolicy",
    namespaced=False,
    categories=("api-extensions",),
    subresources=("status",),
    has_generation=True,
)
