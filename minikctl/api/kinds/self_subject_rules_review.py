"""SelfSubjectRulesReview: what the one who asks may do in a namespace. A question that is answered when it is created, and never stored."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    type="authorization/v1.SelfSubjectRulesReview",
    namespaced=False,
    verbs=("create",),
    tracks_fields=False,
)
