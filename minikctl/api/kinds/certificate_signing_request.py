"""CertificateSigningRequest."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="certificates.k8s.io",
    version="v1",
    kind="CertificateSigningRequest",
    plural="certificatesigningrequests",
    type="certificates/v1.CertificateSigningRequest",
    namespaced=False,
    short_names=("csr",),
    subresources=("status", "approval"),
)
