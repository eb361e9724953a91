"""CertificateSigningRequest. What the request itself asks for needs a reader of PKCS #10, which this project lacks."""

from minikctl.api.durations import human
from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.values import labels, rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = "certificates.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    request = about.obj
    meta, spec = request["metadata"], request.get("spec") or {}
    w.field(0, "Name", meta["name"])
    w.field(0, "Labels", labels(meta.get("labels")))
    w.field(0, "Annotations", labels(meta.get("annotations")))
    w.field(0, "CreationTimestamp", rfc1123(meta.get("creationTimestamp")))
    w.field(0, "Requesting User", spec.get("username", ""))
    if spec.get("signerName"):
        w.field(0, "Signer", spec["signerName"])
    if spec.get("expirationSeconds") is not None:
        w.field(0, "Requested Duration", human(spec["expirationSeconds"]))
    w.field(0, "Status", state(request.get("status") or {}))
    about.events(w)


def state(status: Obj) -> str:
    """`Approved,Issued`."""
    types = {c.get("type") for c in status.get("conditions") or []}
    text = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    text += ",Failed" if "Failed" in types else ""
    return text + (",Issued" if status.get("certificate") else "")
