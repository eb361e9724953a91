"""CSINode."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import go, rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = "storage.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj, namespace=False)
    w.field(0, "CreationTimestamp", rfc1123(about.obj["metadata"].get("creationTimestamp")))
    w.line(0, "Spec:")
    drivers = (about.obj.get("spec") or {}).get("drivers")
    if drivers is not None:
        w.line(1, "Drivers:")
        for driver in drivers:
            w.line(2, f"{driver.get('name', '')}:")
            w.field(3, "Node ID", driver.get("nodeID", ""))
            count = (driver.get("allocatable") or {}).get("count")
            if count is not None:
                w.line(3, "Allocatables:")
                w.field(4, "Count", count)
            if driver.get("topologyKeys") is not None:
                w.field(3, "Topology Keys", go(driver["topologyKeys"]))
    about.events(w)
