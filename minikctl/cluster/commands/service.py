"""`minikctl service`: where a Service can be reached from this machine. As minikube's command of that name."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from minikctl.api.kinds.service import EXTERNAL_NAME, LOAD_BALANCER
from minikctl.api.meta import Obj, name, namespace
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, INT, Option
from minikctl.util.errors import EnvironmentProblem, UsageError

LOOPBACK = "127.0.0.1"
FORMAT = "http://{{.IP}}:{{.Port}}"
HEADERS = ("NAMESPACE", "NAME", "TARGET PORT", "URL")
STEP = 0.1
LIST = "list"


@dataclass(frozen=True)
class Place:
    """One address of one port of a Service on this machine."""

    port: str
    """`http/80`, as the table shows it."""
    ip: str
    number: int
    protocol: str

    def url(self, form: str, https: bool) -> str:
        text = form.replace("{{.IP}}", self.ip).replace("{{.Port}}", str(self.number)).replace("{{.Name}}", self.port)
        return "https" + text.removeprefix("http") if https and text.startswith("http:") else text


def places(service: Obj) -> list[list[Place]]:
    """For every port its addresses on this machine, the best one first: a load balancer's, then the node port's. Pure."""
    spec, found = service["spec"], []
    balancers = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    for port in spec.get("ports") or []:
        shown = f"{port['name']}/{port['port']}" if port.get("name") else str(port["port"])
        protocol = port.get("protocol") or "TCP"
        own = [(i["ip"], port["port"]) for i in balancers if str(i.get("ip", "")).startswith("127.")]
        if port.get("nodePort"):
            own.append((LOOPBACK, port["nodePort"]))
        if own:
            found.append([Place(shown, ip, number, protocol) for ip, number in own])
    return found


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError, EnvironmentProblem."""
    if call.flags.format.count("{{") != call.flags.format.count("}}"):
        raise UsageError(f"--format: not a template: {call.flags.format!r}")
    if call.args == [LIST] or (call.flags.all and not call.args):
        _list(call)
        return
    if len(call.args) != 1:
        raise call.usage_error("name one Service, or say `list`")
    service = call.client.get("services", call.args[0], call.namespace)
    found = places(service)
    if not found:
        raise UsageError(_unreachable(service))
    _wait_for_endpoints(call, service)
    chosen = [_reachable(call, choices) for choices in found]
    urls = [p.url(call.flags.format, call.flags.https) for p in chosen if p.protocol == "TCP"]
    if call.flags.url:
        for url in urls:
            call.out(url)
        return
    rows = [
        (namespace(service), name(service), p.port, p.url(call.flags.format, call.flags.https) if p.protocol == "TCP" else f"{p.protocol.lower()}://{p.ip}:{p.number}")
        for p in chosen
    ]  # fmt: skip
    _show(call, rows)
    if call.env.stdout_is_terminal and urls and _is_local_display(call):
        import webbrowser

        call.out(f"Opening {urls[0]} in your browser")
        webbrowser.open(urls[0])


def _list(call: Invocation) -> None:
    """Every Service, as `minikube service list`."""
    rows = []
    for service in call.client.list("services", call.namespace if call.namespace_given else "")["items"]:
        found = places(service)
        for choices in found:
            rows.append((namespace(service), name(service), choices[0].port, choices[0].url(call.flags.format, False)))
        if not found:
            rows.append((namespace(service), name(service), "No node port", ""))
    _show(call, rows)


def _show(call: Invocation, rows: Iterable[tuple[str, ...]]) -> None:
    from minikctl.kubectl.printers.columns import render

    call.out(render([list(HEADERS), *map(list, rows)]), end="")


def _unreachable(service: Obj) -> str:
    spec, shown = service["spec"], f"{namespace(service)}/{name(service)}"
    if spec.get("type") == EXTERNAL_NAME:
        return f"service {shown} is only another name for {spec.get('externalName')}"
    if spec.get("type") == LOAD_BALANCER and not ((service.get("status") or {}).get("loadBalancer") or {}).get(
        "ingress"
    ):
        return f"service {shown} has no address yet; see `describe service {name(service)}`"
    port = (spec.get("ports") or [{"port": 80}])[0]["port"]
    forward = f"minikctl port-forward -n {namespace(service)} service/{name(service)} :{port}"
    return f"service {shown} has no node port: it is reached from inside the cluster only; try: {forward}"


def _wait_for_endpoints(call: Invocation, service: Obj) -> None:
    """Until something stands behind it. Raises EnvironmentProblem after --wait seconds."""
    selector = f"kubernetes.io/service-name={name(service)}"
    deadline = time.monotonic() + call.flags.wait
    while True:
        slices = call.client.list("endpointslices", namespace(service), label_selector=selector)["items"]
        endpoints = [e for s in slices for e in s.get("endpoints") or []]
        if any((e.get("conditions") or {}).get("ready") is not False for e in endpoints):
            return
        if time.monotonic() > deadline:
            break
        time.sleep(STEP)
    shown = f"{namespace(service)}/{name(service)}"
    raise EnvironmentProblem(f"service {shown} is not available: no ready pod was found for it")


def _reachable(call: Invocation, choices: list[Place]) -> Place:
    """The first place that takes connections; UDP cannot be tried. Says why it is not the best one."""
    deadline = time.monotonic() + call.flags.wait
    while True:
        for place in choices:
            if place.protocol != "TCP" or _answers(place):
                if place is not choices[0]:
                    best = choices[0]
                    call.err(
                        f"{best.ip}:{best.number} takes no connections (see the Service's events): using its node port"
                    )
                return place
        if time.monotonic() > deadline:
            shown = " and ".join(f"{p.ip}:{p.number}" for p in choices)
            raise EnvironmentProblem(
                f"nobody listens at {shown}: see the Service's events and `minikctl cluster status`"
            )
        time.sleep(STEP)


def _answers(place: Place) -> bool:
    try:
        socket.create_connection((str(ipaddress.ip_address(place.ip)), place.number), 1.0).close()
    except OSError:
        return False
    return True


def _is_local_display(call: Invocation) -> bool:
    return any(call.env.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


COMMAND = Command(
    name="service",
    group="Basic Commands (Beginner)",
    summary="Show where a Service can be reached from this machine",
    description=(
        "Show the URLs at which a Service can be reached from this machine, and open the first one in a browser when "
        "there is one.\n\nA NodePort is open on 127.0.0.1; a LoadBalancer has an address of its own in 127.0.0.0/8 and the "
        "Service's own port, where this user may listen on it."
    ),
    use="service (NAME | list) [--url]",
    examples=(
        ("Print the URLs of a Service", "minikctl service web --url"),
        ("Fetch a page", "curl $(minikctl service web --url)"),
        ("Show all Services", "minikctl service list"),
    ),
    options=(
        Option("url", BOOL, help="Print the URLs, one a line, and nothing else."),
        Option("all", BOOL, help="Show all Services, as `service list` does."),
        Option("https", BOOL, help="Write https instead of http."),
        Option("format", default=FORMAT, help="Format of a URL: {{.IP}}, {{.Port}} and {{.Name}} are replaced."),
        Option("wait", INT, default=2, help="Seconds to wait for a ready pod and an open port."),
    ),
    complete="names:services",
    run=run,
)
