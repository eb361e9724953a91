"""IPAddress."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = "networking.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj, namespace=False)
    parent = (about.obj.get("spec") or {}).get("parentRef")
    if parent is not None:
        w.line(0, "Parent Reference:")
        for field in ("group", "resource", "namespace", "name"):
            w.field(1, field.capitalize(), parent.get(field, ""))
    about.events(w)
