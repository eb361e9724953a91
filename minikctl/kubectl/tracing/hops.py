"""The way of one request through the objects of a cluster, and where it ends. Pure but for `Facts.listens`.

A trace is a tree of hops. The way goes on below each hop; endpoints stand side by side, and the first that can be
reached is the one shown as chosen (a Service proxy takes any of them at random).
"""

from __future__ import annotations

from minikctl.api.meta import Obj, find_condition, is_deleting, labels_of, name, namespace
from minikctl.api.policy.network import Compiled, compile_policies, dns_peer
from minikctl.api.selectors import from_labels
from minikctl.kubectl.tracing import entrances, gateway_routes, routing
from minikctl.kubectl.tracing.facts import Facts
from minikctl.kubectl.tracing.model import Hop, Trace
from minikctl.kubectl.tracing.words import SCHEMES, Wanted, service_name

MOST_TRIED = 5
"""Endpoints whose port is tried."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
IPV4 = "IPv4"


def trace(wanted: Wanted, facts: Facts, in_namespace: str, source: Obj | None = None) -> Trace:
    """The way from `source` (a pod; None: from anywhere) to what is wanted. Names are understood in `in_namespace`, or
    in the source's namespace."""
    tracer = _Tracer(facts, source)
    root = _client(source)
    last = tracer.begin(wanted, namespace(source) if source is not None else in_namespace)
    root.below.append(last)
    broken = _first_broken(last)
    return Trace(wanted, root, broken.reason if broken else "", broken.message if broken else "")


def _first_broken(hop: Hop) -> Hop | None:
    """Where the way ends; of several endpoints, all have to fail."""
    if hop.reason:
        return hop
    ends = [_first_broken(h) for h in hop.below]
    if not ends or None in ends:
        return None
    return next(e for e in ends if e is not None)


def _client(source: Obj | None) -> Hop:
    if source is None:
        return Hop("Client", "anybody")
    address = (source.get("status") or {}).get("podIP") or "no address yet"
    return Hop("Client", f"pod {namespace(source)}/{name(source)}", address)


class _Tracer:
    def __init__(self, facts: Facts, source: Obj | None):
        self.facts, self.source = facts, source
        self._behind_ingress = False
        self.policies: Compiled = compile_policies(
            facts.policies, facts.pods, facts.namespaces, [dns_peer("172.18.0.1")]
        )

    # ------------------------------------------------------------------ names and addresses

    def begin(self, wanted: Wanted, where: str) -> Hop:
        if wanted.is_address:
            return self._address(wanted)
        host = "" if wanted.is_service else wanted.host
        met = gateway_routes.find(self.facts, wanted) if wanted.scheme and host else None
        if met is not None and (met.accepted or not self._catch_all(wanted)):
            return self.gateway(met)
        if wanted.scheme and any(routing.host_matches(h, host) for h in routing.hosts(self.facts.ingresses)):
            return self.ingress(wanted)
        endpoint, service, space = service_name(wanted.host, where)
        if service and endpoint:
            return self._endpoint_name(wanted, endpoint, service, space)
        found = self.facts.service(service, space) if service else None
        if found is not None:
            return self._named(wanted, found, where)
        if wanted.scheme and not wanted.is_service and (self._catch_all(wanted) or "." in host):
            known = routing.hosts(self.facts.ingresses)
            if self._catch_all(wanted) or not service or not self._has_namespace(space):
                return (
                    self.ingress(wanted)
                    if self.facts.ingresses and (known or self._catch_all(wanted))
                    else _outside(wanted)
                )
        qualified = wanted.is_service or wanted.host.endswith((".svc", ".cluster.local"))
        if not service or ("." in host and not qualified and not self._has_namespace(space)):
            return _outside(wanted)
        return self._no_service(wanted, service, space)

    def _catch_all(self, wanted: Wanted) -> bool:
        return routing.find(self.facts.ingresses, wanted.host, wanted.path) is not None

    def _has_namespace(self, space: str) -> bool:
        return any(name(n) == space for n in self.facts.namespaces)

    def _no_service(self, wanted: Wanted, service: str, space: str) -> Hop:
        others = sorted(namespace(s) for s in self.facts.services if name(s) == service)
        if not self._has_namespace(space):
            message = f"there is no namespace {space!r}"
        elif others:
            message = f"there is no Service {service!r} in namespace {space!r}; there is one in {', '.join(others)}"
            message += f": call it {service}.{others[0]}"
        else:
            message = f"there is no Service {service!r} in namespace {space!r}"
        return Hop("Name", wanted.host, reason="ServiceNotFound", message=message)

    def _named(self, wanted: Wanted, service: Obj, where: str) -> Hop:
        if wanted.is_service:
            return self.service(service, wanted)
        full = f"{name(service)}.{namespace(service)}.svc.cluster.local"
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            meaning = f"CNAME {spec.get('externalName')}"
        elif spec.get("clusterIP") == "None":
            meaning = "the addresses of its ready endpoints (headless)"
        else:
            meaning = str(spec.get("clusterIP") or "no address")
        return Hop("Name", wanted.host, f"{full} is {meaning}", below=[self.service(service, wanted)])

    def _endpoint_name(self, wanted: Wanted, endpoint: str, service: str, space: str) -> Hop:
        found = self.facts.service(service, space)
        if found is None:
            return self._no_service(wanted, service, space)
        for slice_ in self.facts.slices_of(found):
            for each in slice_.get("endpoints") or []:
                address = each["addresses"][0]
                if endpoint == (each.get("hostname") or address.replace(".", "-")):
                    if (each.get("conditions") or {}).get("ready") is False:
                        message = f"{wanted.host} has no address: its pod is not ready{self._why_unready(address)}"
                        return Hop("Name", wanted.host, reason="NoReadyEndpoints", message=message)
                    below = self.endpoint(address, wanted.number, "TCP", chosen=True)
                    return Hop("Name", wanted.host, f"is {address}", below=[below])
        message = f"Service {space}/{service} has no endpoint called {endpoint!r}"
        return Hop("Name", wanted.host, reason="EndpointNotFound", message=message)

    def _address(self, wanted: Wanted) -> Hop:
        address, number = wanted.host, wanted.number
        for service in self.facts.services:
            spec = service["spec"]
            balancers = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            own = [spec.get("clusterIP"), *(spec.get("externalIPs") or []), *(b.get("ip") for b in balancers)]
            if address in own:
                return self.service(service, wanted)
        on_node = address in LOOPBACK or address in self.facts.node_addresses()
        for service in self.facts.services if on_node else ():
            for port in service["spec"].get("ports") or []:
                if number is not None and port.get("nodePort") == number:
                    detail = f"port {number} of every node is the node port of {namespace(service)}/{name(service)}"
                    hop = self.service(service, Wanted(address, str(port["port"]), wanted.scheme, wanted.path))
                    return Hop("Node", address, detail, below=[hop])
        if self.facts.pod_at(address) is not None:
            return self.endpoint(address, number, "TCP", chosen=True)
        ours = routing.served(self.facts.ingresses, self.facts.classes)
        if address in LOOPBACK and wanted.scheme and number in routing.ports(ours):
            return self.ingress(wanted)
        if on_node:
            message = f"no Service has node port {number}"
            return Hop("Node", address, reason="PortNotInService", message=message)
        if address.startswith(("10.96.", "10.244.")):
            message = f"no Service and no pod has the address {address}"
            return Hop("Name", address, reason="AddressNotFound", message=message)
        return _outside(wanted)

    def gateway(self, met: gateway_routes.Met) -> Hop:
        hop, ways = gateway_routes.hop(self.facts, met)
        self.source, self._behind_ingress = None, True
        hop.below += [self.service(service, words) for service, words in ways]
        return hop

    def ingress(self, wanted: Wanted) -> Hop:
        hop, service, words = entrances.ingress(self.facts, wanted)
        if service is not None:
            self.source, self._behind_ingress = None, True  # the ingress connects from now on
            hop.below.append(self.service(service, words))
        return hop

    # ------------------------------------------------------------------ Service

    def service(self, service: Obj, wanted: Wanted) -> Hop:
        spec, title = service["spec"], f"{namespace(service)}/{name(service)}"
        if spec.get("type") == "ExternalName":
            target = Hop("Outside", str(spec.get("externalName")), "resolved and reached outside the cluster")
            return Hop("Service", title, "ExternalName", below=[target])
        port = _port(spec, wanted)
        if port is None:
            listed = ", ".join(_shown(p) for p in spec.get("ports") or []) or "none"
            asked = wanted.port or SCHEMES.get(wanted.scheme, "")
            what = f"port {asked}" if asked else "one port alone: say which"
            message = f"Service {title} does not have {what}; its ports: {listed}"
            return Hop("Service", title, reason="PortNotInService", message=message)
        address = "headless" if spec.get("clusterIP") == "None" else spec.get("clusterIP") or ""
        detail = f"{address} {_shown(port)} to port {port.get('targetPort') or port['port']} of its pods"
        hop = Hop("Service", f"{title}:{port['port']}", detail)
        endpoints = self._endpoints(service, port)
        ready = [e for e in endpoints if e[2]]
        if not ready:
            hop.reason, hop.message = self._why_none(service, port, endpoints)
            hop.below = [self._unready(address) for address, _number, _ready in endpoints[:MOST_TRIED]]
            return hop
        self._fill(hop, ready, [e for e in endpoints if not e[2]], port)
        return hop

    def _fill(
        self, hop: Hop, ready: list[tuple[str, int, bool]], others: list[tuple[str, int, bool]], port: Obj
    ) -> None:
        chosen = False
        for i, (address, number, _ready) in enumerate(ready):
            below = self.endpoint(address, number, port.get("protocol") or "TCP", attempt=i < MOST_TRIED)
            below.chosen = not below.reason and not chosen
            chosen = chosen or below.chosen
            hop.below.append(below)
        hop.note = f"one of {len(ready)} at random" if len(ready) > 1 else ""
        for address, _number, _ready in others:
            unready = self._unready(address)
            unready.note, unready.reason, unready.message = unready.message, "", ""
            hop.below.append(unready)

    def _endpoints(self, service: Obj, port: Obj) -> list[tuple[str, int, bool]]:
        """(address, port, ready) of each endpoint of a Service's port that anybody is led to."""
        found: dict[str, tuple[str, int, bool]] = {}
        for slice_ in self.facts.slices_of(service):
            if slice_.get("addressType", IPV4) != IPV4:
                continue
            numbers = [
                p["port"]
                for p in slice_.get("ports") or []
                if (p.get("name") or "") == (port.get("name") or "") and p.get("port") is not None
            ]
            for endpoint in slice_.get("endpoints") or [] if numbers else []:
                ready = (endpoint.get("conditions") or {}).get("ready") is not False
                found[endpoint["addresses"][0]] = (endpoint["addresses"][0], int(numbers[0]), ready)
        return [found[a] for a in sorted(found)]

    def _why_none(self, service: Obj, port: Obj, endpoints: list[tuple[str, int, bool]]) -> tuple[str, str]:
        title, wanted = f"{namespace(service)}/{name(service)}", service["spec"].get("selector")
        if endpoints:
            return (
                "NoReadyEndpoints",
                f"Service {title} has no ready endpoint: none of its {len(endpoints)} pods is ready",
            )
        if not wanted:
            return "NoEndpoints", f"Service {title} has no selector, and {self._slices_lack(service, port)}"
        text = ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))
        matcher = from_labels(wanted)
        pods = [p for p in self.facts.pods if namespace(p) == namespace(service) and matcher.matches(labels_of(p))]
        if not pods:
            return (
                "SelectorMatchesNothing",
                f"the selector {text} of Service {title} matches no pod{self._near(service)}",
            )
        target = port.get("targetPort")
        if isinstance(target, str) and not any(target == p.get("name") for pod in pods for p in _ports(pod)):
            names = sorted({p["name"] for pod in pods for p in _ports(pod) if p.get("name")})
            has = f"; they have {', '.join(names)}" if names else ""
            return "WrongTargetPort", f"no pod of Service {title} has a port called {target!r}{has}"
        states = ", ".join(f"{name(p)} {_state(p)}" for p in sorted(pods, key=name)[:MOST_TRIED])
        return "NoReadyEndpoints", f"no pod of Service {title} is ready: {states}"

    def _slices_lack(self, service: Obj, port: Obj) -> str:
        """Why slices that people made lead nowhere."""
        slices = self.facts.slices_of(service)
        if not slices:
            return "nobody has made an EndpointSlice for it"
        served = [s for s in slices if s.get("addressType", IPV4) == IPV4]
        if not served:
            kinds = ", ".join(sorted({s["addressType"] for s in slices}))
            return f"its EndpointSlices have addresses of type {kinds}: only those of IPv4 lead anywhere here"
        has = sorted({repr(p.get("name") or "") for s in served for p in s.get("ports") or []})
        if repr(port.get("name") or "") not in has:
            return f"its EndpointSlices have no port called {port.get('name') or ''!r}; they have {', '.join(has) or 'none'}"
        return "its EndpointSlices have no endpoints"

    def _near(self, service: Obj) -> str:
        """Pods that share a key with the selector, or that another namespace has."""
        wanted = service["spec"]["selector"]
        here = [p for p in self.facts.pods if namespace(p) == namespace(service)]
        alike = sorted({f"{k}={labels_of(p)[k]}" for p in here for k in wanted if k in labels_of(p)})
        if alike:
            return f"; there are pods with {', '.join(alike[:MOST_TRIED])}"
        elsewhere = sorted({namespace(p) for p in self.facts.pods if from_labels(wanted).matches(labels_of(p))})
        return f"; pods that it would match are in namespace {', '.join(elsewhere)}" if elsewhere else ""

    # ------------------------------------------------------------------ pods

    def endpoint(
        self, address: str, number: int | None, protocol: str, *, chosen: bool = False, attempt: bool = True
    ) -> Hop:
        pod = self.facts.pod_at(address)
        shown = f"{address}:{number}" if number is not None else address
        if pod is None:
            return Hop("Endpoint", shown, "an address that is no pod's", chosen=chosen)
        hop = Hop("Pod", f"{namespace(pod)}/{name(pod)}", shown, chosen=chosen)
        node = (pod.get("spec") or {}).get("nodeName")
        hop.detail += f" on {node}" if node else ""
        if number is None:
            return hop
        denied = self._denied(address, number, protocol)
        if denied:
            hop.reason, hop.message = "PolicyDenies", f"{denied} connect to {shown} of pod {namespace(pod)}/{name(pod)}"
        elif protocol == "TCP" and attempt and self.facts.listens(pod, number) is False:
            hop.reason, hop.message = self._not_listening(pod, number)
        elif self.source is None and address in self.policies.ingress:
            names = ", ".join(self.policies.ingress[address].policies)
            hop.note = f"NetworkPolicy {names} limits who may connect: --from POD tells"
            if self._behind_ingress:
                hop.note = f"NetworkPolicy {names} does not hold the ingress back, which connects from the node"
        return hop

    def _denied(self, address: str, number: int, protocol: str) -> str:
        source = (self.source.get("status") or {}).get("podIP") if self.source is not None else ""
        if not source or self.source is None:
            return ""
        verdict = self.policies.decide(source, address, protocol, number)
        if verdict.allowed:
            return ""
        own = f"pod {namespace(self.source)}/{name(self.source)}"
        return f"NetworkPolicy {', '.join(verdict.policies)} ({verdict.direction}) does not let {own}"

    def _not_listening(self, pod: Obj, number: int) -> tuple[str, str]:
        title = f"{namespace(pod)}/{name(pod)}"
        declared = sorted({int(p["containerPort"]) for p in _ports(pod)})
        if declared and number not in declared:
            text = ", ".join(map(str, declared))
            return (
                "WrongTargetPort",
                f"nothing listens on port {number} of pod {title}: its containers name port {text}",
            )
        return "NotListening", f"nothing listens on port {number} of pod {title}"

    def _unready(self, address: str) -> Hop:
        pod = self.facts.pod_at(address)
        title = f"{namespace(pod)}/{name(pod)}" if pod is not None else address
        state = _state(pod) if pod is not None else "not ready"
        return Hop("Pod", title, address, reason="NotReady", message=state)

    def _why_unready(self, address: str) -> str:
        pod = self.facts.pod_at(address)
        return f" ({_state(pod)})" if pod is not None else ""


def _outside(wanted: Wanted) -> Hop:
    return Hop("Outside", wanted.host, "not a name of the cluster: the host's resolver and network decide")


def _port(spec: Obj, wanted: Wanted) -> Obj | None:
    """The Service's port that is meant: by number, by name, or the only one."""
    ports = spec.get("ports") or []
    text = wanted.port
    if text:
        return next((p for p in ports if text in (str(p["port"]), p.get("name"))), None)
    if wanted.scheme:
        return next((p for p in ports if p["port"] == SCHEMES[wanted.scheme]), None)
    return ports[0] if len(ports) == 1 else None


def _shown(port: Obj) -> str:
    named = f" ({port['name']})" if port.get("name") else ""
    return f"{port['port']}/{port.get('protocol') or 'TCP'}{named}"


def _ports(pod: Obj) -> list[Obj]:
    return [p for c in (pod.get("spec") or {}).get("containers") or [] for p in c.get("ports") or []]


def _state(pod: Obj) -> str:
    """Why a pod is not ready, in a few words."""
    status = pod.get("status") or {}
    if is_deleting(pod):
        return "is being deleted"
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason"):
            return f"waits: {waiting['reason']}"
    if status.get("phase") == "Pending":
        scheduled = find_condition(status.get("conditions") or [], "PodScheduled")
        return "is not scheduled" if scheduled and scheduled.get("status") == "False" else "is starting"
    if status.get("phase") in ("Succeeded", "Failed"):
        return f"has ended ({status['phase']})"
    gates = [g["conditionType"] for g in (pod.get("spec") or {}).get("readinessGates") or []]
    unmet = [g for g in gates if (find_condition(status.get("conditions") or [], g) or {}).get("status") != "True"]
    if unmet:
        return f"waits for readiness gate {', '.join(unmet)}"
    probes = [c["name"] for c in (pod.get("spec") or {}).get("containers") or [] if c.get("readinessProbe")]
    return f"fails the readiness probe of {', '.join(probes)}" if probes else "is not ready"
