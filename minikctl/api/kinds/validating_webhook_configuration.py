"""ValidatingWebhookConfiguration."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    type="admissionregistration/v1.ValidatingWebhookConfiguration",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
)
