"""IngressClass."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = "networking.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj, namespace=False)
    spec = about.obj.get("spec") or {}
    w.field(0, "Controller", spec.get("controller", ""))
    parameters = spec.get("parameters")
    if parameters is not None:
        w.line(0, "Parameters:")
        if parameters.get("apiGroup") is not None:
            w.field(1, "APIGroup", parameters["apiGroup"])
        w.field(1, "Kind", parameters.get("kind", ""))
        w.field(1, "Name", parameters.get("name", ""))
    about.events(w)
