"""PriorityClass."""

from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.values import go, labels
from minikctl.kubectl.describe.writer import Writer

GROUP = "scheduling.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    priority = about.obj
    w.field(0, "Name", priority["metadata"]["name"])
    w.field(0, "Value", priority.get("value", 0))
    w.field(0, "GlobalDefault", go(priority.get("globalDefault", False)))
    w.field(0, "PreemptionPolicy", priority.get("preemptionPolicy", ""))
    w.field(0, "Description", priority.get("description", ""))
    w.field(0, "Annotations", labels(priority["metadata"].get("annotations")))
    about.events(w)
