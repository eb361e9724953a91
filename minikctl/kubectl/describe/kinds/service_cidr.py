"""ServiceCIDR."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = "networking.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj, namespace=False)
    w.field(0, "CIDRs", ", ".join((about.obj.get("spec") or {}).get("cidrs") or []))
    conditions = (about.obj.get("status") or {}).get("conditions") or []
    if conditions:
        w.line(0, "Status:")
        w.line(0, "Conditions:")
        w.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage")
        w.line(1, "----\t------\t------------------\t------\t-------")
        for c in conditions:
            cells = (c.get("type", ""), c.get("status", ""), rfc1123(c.get("lastTransitionTime")))
            w.line(1, "\t".join((*cells, c.get("reason", ""), c.get("message", ""))))
    about.events(w)
