"""SelfSubjectAccessReview: whether the one who asks may do something. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    type="authorization/v1.SelfSubjectAccessReview",
    namespaced=False,
    verbs=("create",),
    tracks_fields=False,
)
