"""SubjectAccessReview: whether somebody may do something. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SubjectAccessReview",
    plural="subjectaccessreviews",
    type="authorization/v1.SubjectAccessReview",
    namespaced=False,
    verbs=("create",),
    tracks_fields=False,
)
