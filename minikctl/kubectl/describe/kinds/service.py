"""Service."""

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.endpoints_text import endpoints_text
from minikctl.kubectl.describe.values import labels
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    service = about.obj
    spec = service.get("spec") or {}
    metadata.head(w, service)
    w.field(0, "Selector", labels(spec.get("selector")))
    w.field(0, "Type", spec.get("type", ""))
    _addresses(service, w)
    slices = _slices(about)
    for port in spec.get("ports") or []:
        _port(port, slices, w)
    w.field(0, "Session Affinity", spec.get("sessionAffinity", ""))
    for title, field in (
        ("External Traffic Policy", "externalTrafficPolicy"),
        ("Internal Traffic Policy", "internalTrafficPolicy"),
        ("HealthCheck NodePort", "healthCheckNodePort"),
    ):
        if spec.get(field):
            w.field(0, title, spec[field])
    if spec.get("loadBalancerSourceRanges"):
        w.field(0, "LoadBalancer Source Ranges", ",".join(spec["loadBalancerSourceRanges"]))
    if spec.get("trafficDistribution") is not None:
        w.field(0, "Traffic Distribution", spec["trafficDistribution"])
    about.events(w)


def _slices(about: Subject) -> list[Obj]:
    meta = about.obj["metadata"]
    selector = f"kubernetes.io/service-name={meta['name']}"
    try:
        found = about.client.list("endpointslices.discovery.k8s.io", meta.get("namespace", ""), label_selector=selector)
    except ApiError:
        return []
    items: list[Obj] = found["items"]
    return items


def _addresses(service: Obj, w: Writer) -> None:
    spec = service.get("spec") or {}
    if spec.get("ipFamilyPolicy") is not None:
        w.field(0, "IP Family Policy", spec["ipFamilyPolicy"])
    w.field(0, "IP Families", ",".join(spec.get("ipFamilies") or []) or "<none>")
    w.field(0, "IP", spec.get("clusterIP", ""))
    w.field(0, "IPs", ",".join(spec.get("clusterIPs") or []) or "<none>")
    if spec.get("externalIPs"):
        w.field(0, "External IPs", ",".join(spec["externalIPs"]))
    if spec.get("loadBalancerIP"):
        w.field(0, "Desired LoadBalancer IP", spec["loadBalancerIP"])
    if spec.get("externalName"):
        w.field(0, "External Name", spec["externalName"])
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingress:
        w.field(0, "LoadBalancer Ingress", ", ".join(_ingress(i) for i in ingress))


def _ingress(point: Obj) -> str:
    if not point.get("ip"):
        return str(point.get("hostname", ""))
    return f"{point['ip']} ({point['ipMode']})" if point.get("ipMode") is not None else str(point["ip"])


def _port(port: Obj, slices: list[Obj], w: Writer) -> None:
    name, protocol = port.get("name") or "<unset>", port.get("protocol", "")
    w.line(0, f"Port:\t{name}\t{port.get('port', 0)}/{protocol}")
    w.field(0, "TargetPort", f"{port.get('targetPort', 0)}/{protocol}")
    if port.get("appProtocol") is not None:
        w.field(0, "AppProtocol", port["appProtocol"])
    if port.get("nodePort"):
        w.line(0, f"NodePort:\t{name}\t{port['nodePort']}/{protocol}")
    w.field(0, "Endpoints", endpoints_text(slices, port.get("name") or ""))
