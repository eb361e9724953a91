"""TokenReview: whom a token speaks for. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authentication.k8s.io",
    version="v1",
    kind="TokenReview",
    plural="tokenreviews",
    type="authentication/v1.TokenReview",
    namespaced=False,
    verbs=("create",),
    tracks_fields=False,
)
