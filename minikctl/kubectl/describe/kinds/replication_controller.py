"""ReplicationController."""

from minikctl.api.selectors import from_labels
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import labels
from minikctl.kubectl.describe.workload import conditions, pod_counts
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    owner = about.obj
    spec, status = owner["spec"], owner.get("status") or {}
    w.field(0, "Name", owner["metadata"]["name"])
    w.field(0, "Namespace", owner["metadata"].get("namespace", ""))
    w.field(0, "Selector", labels(spec.get("selector")))
    metadata.labels_and_annotations(w, owner)
    w.field(0, "Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 1)} desired")
    w.field(0, "Pods Status", pod_counts(about.client, owner, str(from_labels(spec.get("selector")))))
    pod_template(spec.get("template"), w)
    conditions(owner, w)
    about.events(w)
