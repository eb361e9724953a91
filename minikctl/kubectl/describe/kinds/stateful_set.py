"""StatefulSet."""

from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import rfc1123
from minikctl.kubectl.describe.workload import claim_templates, pod_counts
from minikctl.kubectl.describe.writer import Writer

GROUP = "apps"


def describe(about: Subject, w: Writer) -> None:
    owner = about.obj
    spec, status = owner["spec"], owner.get("status") or {}
    selector = str(from_label_selector(spec.get("selector")))
    w.field(0, "Name", owner["metadata"]["name"])
    w.field(0, "Namespace", owner["metadata"].get("namespace", ""))
    w.field(0, "CreationTimestamp", rfc1123(owner["metadata"].get("creationTimestamp")))
    w.field(0, "Selector", selector)
    metadata.labels_and_annotations(w, owner)
    w.field(0, "Replicas", f"{spec.get('replicas', 1)} desired | {status.get('replicas', 0)} total")
    strategy = spec.get("updateStrategy") or {}
    w.field(0, "Update Strategy", strategy.get("type", ""))
    rolling = strategy.get("rollingUpdate") or {}
    if rolling.get("partition") is not None:
        w.field(1, "Partition", rolling["partition"])
        if rolling.get("maxUnavailable") is not None:
            w.field(1, "MaxUnavailable", rolling["maxUnavailable"])
    w.field(0, "Pods Status", pod_counts(about.client, owner, selector))
    pod_template(spec.get("template"), w)
    claim_templates(spec.get("volumeClaimTemplates"), w)
    about.events(w)
