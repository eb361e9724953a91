"""SelfSubjectReview: who is asking. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authentication.k8s.io",
    version="v1",
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    type="authentication/v1.SelfSubjectReview",
    namespaced=False,
    verbs=("create",),
    tracks_fields=False,
)
