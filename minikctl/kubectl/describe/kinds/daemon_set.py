"""DaemonSet."""

from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import labels
from minikctl.kubectl.describe.workload import pod_counts
from minikctl.kubectl.describe.writer import Writer

GROUP = "apps"
_COUNTS = (
    ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
    ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
    ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
    ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
    ("Number of Nodes Misscheduled", "numberMisscheduled"),
)


def describe(about: Subject, w: Writer) -> None:
    owner = about.obj
    spec, status = owner["spec"], owner.get("status") or {}
    selector = str(from_label_selector(spec.get("selector")))
    w.field(0, "Name", owner["metadata"]["name"])
    w.field(0, "Namespace", owner["metadata"].get("namespace", ""))
    w.field(0, "Selector", selector)
    w.field(0, "Node-Selector", labels((spec["template"].get("spec") or {}).get("nodeSelector")))
    metadata.labels_and_annotations(w, owner)
    for title, field in _COUNTS:
        w.line(0, f"{title}: {status.get(field, 0)}")
    w.field(0, "Pods Status", pod_counts(about.client, owner, selector))
    pod_template(spec.get("template"), w)
    about.events(w)
