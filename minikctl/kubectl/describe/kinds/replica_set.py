"""ReplicaSet."""

from minikctl.api.errors import ApiError
from minikctl.api.selectors import format_label_selector, from_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.workload import conditions, pod_counts
from minikctl.kubectl.describe.writer import Writer

GROUP = "apps"


def describe(about: Subject, w: Writer) -> None:
    owner = about.obj
    spec, status = owner["spec"], owner.get("status") or {}
    w.field(0, "Name", owner["metadata"]["name"])
    w.field(0, "Namespace", owner["metadata"].get("namespace", ""))
    w.field(0, "Selector", format_label_selector(spec.get("selector")))
    metadata.labels_and_annotations(w, owner)
    metadata.controlled_by(w, owner)
    w.field(0, "Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 1)} desired")
    try:
        w.field(0, "Pods Status", pod_counts(about.client, owner, str(from_label_selector(spec.get("selector")))))
    except ApiError as e:
        w.field(0, "Pods Status", f"error in fetching pods: {e}")
    pod_template(spec.get("template"), w)
    conditions(owner, w)
    about.events(w)
