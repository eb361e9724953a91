"""MutatingWebhookConfiguration."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingWebhookConfiguration",
    plural="mutatingwebhookconfigurations",
    type="admissionregistration/v1.MutatingWebhookConfiguration",
    namespaced=False,
    categories=("api-extensions",),
    has_generation=True,
)
