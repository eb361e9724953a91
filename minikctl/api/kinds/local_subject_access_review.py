"""LocalSubjectAccessReview: whether somebody may do something in one namespace. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    type="authorization/v1.LocalSubjectAccessReview",
    namespaced=True,
    verbs=("create",),
    tracks_fields=False,
)
