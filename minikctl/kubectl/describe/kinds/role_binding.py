"""RoleBinding."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.policy_rules import binding
from minikctl.kubectl.describe.writer import Writer

GROUP = "rbac.authorization.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj, namespace=False)
    binding(about.obj, w)
