"""EndpointSlice."""

from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import go
from minikctl.kubectl.describe.writer import Writer

GROUP = "discovery.k8s.io"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj)
    w.field(0, "AddressType", about.obj.get("addressType", ""))
    ports = about.obj.get("ports") or []
    w.line(0, "Ports:" if ports else "Ports: <unset>")
    if ports:
        w.line(1, "Name\tPort\tProtocol")
        w.line(1, "----\t----\t--------")
    for port in ports:
        w.line(1, f"{port.get('name') or '<unset>'}\t{_or_unset(port.get('port'))}\t{port.get('protocol', '')}")
    endpoints = about.obj.get("endpoints") or []
    w.line(0, "Endpoints:" if endpoints else "Endpoints: <none>")
    for endpoint in endpoints:
        _endpoint(endpoint, w)
    about.events(w)


def _endpoint(endpoint: Obj, w: Writer) -> None:
    w.field(1, "- Addresses", ", ".join(endpoint.get("addresses") or []) or "<none>")
    w.line(2, "Conditions:")
    w.field(3, "Ready", _or_unset((endpoint.get("conditions") or {}).get("ready")))
    w.field(2, "Hostname", _or_unset(endpoint.get("hostname")))
    target = endpoint.get("targetRef")
    if target is not None:
        w.field(2, "TargetRef", f"{target.get('kind', '')}/{target.get('name', '')}")
    w.field(2, "NodeName", _or_unset(endpoint.get("nodeName")))
    w.field(2, "Zone", _or_unset(endpoint.get("zone")))


def _or_unset(value: object) -> str:
    return "<unset>" if value is None else go(value)
