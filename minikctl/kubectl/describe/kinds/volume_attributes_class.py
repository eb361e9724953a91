"""VolumeAttributesClass."""

from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.values import labels
from minikctl.kubectl.describe.writer import Writer

GROUP = "storage.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    w.field(0, "Name", about.obj["metadata"]["name"])
    w.field(0, "Annotations", labels(about.obj["metadata"].get("annotations")))
    w.field(0, "DriverName", about.obj.get("driverName", ""))
    w.field(0, "Parameters", labels(about.obj.get("parameters")))
    about.events(w)
