"""Endpoints."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj)
    w.line(0, "Subsets:")
    for subset in about.obj.get("subsets") or []:
        for title, field in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            w.field(1, title, ",".join(a.get("ip", "") for a in subset.get(field) or []) or "<none>")
        if subset.get("ports"):
            w.line(1, "Ports:")
            w.line(2, "Name\tPort\tProtocol")
            w.line(2, "----\t----\t--------")
            for port in subset["ports"]:
                w.line(2, f"{port.get('name') or '<unset>'}\t{port.get('port', 0)}\t{port.get('protocol', '')}")
        w.line(0, "")
    about.events(w)
