"""What every port of every Service leads to: a pure function of Services, EndpointSlices, nodes and pods.

A `Target` is one port of one Service (or one hostPort of a pod): the addresses at which it is reached from inside the
cluster and from the host, and the endpoints behind them. Backends know nothing but targets.

One network namespace routes for all nodes, so "local" is decided by where a client is: `by_node` has the endpoints for
clients on a node where those differ from `endpoints`.

Sources: Kubernetes concept "Virtual IPs and Service Proxies", `pkg/proxy/topology.go` (which endpoints count), KEP-1669
(terminating endpoints), KEP-2086 (internalTrafficPolicy), KEP-1860 (ipMode), KEP-2433 (topology hints).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from minikctl.api.kinds.service import EXTERNAL_NAME, LOAD_BALANCER, is_headless
from minikctl.api.meta import Obj, labels_of, name, namespace

SERVICE_NAME = "kubernetes.io/service-name"
PROXY_NAME = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"
ZONE = "topology.kubernetes.io/zone"
PROTOCOLS = {"TCP": "tcp", "UDP": "udp"}
LOCAL = "Local"
LOOPBACK = "127.0.0.1"
DEFAULT_AFFINITY = 10800

Key = tuple[str, str, str, str]
"""(`Service` or `Pod`, namespace, name, port)."""
Address = tuple[str, int]


class BackendFailure(Exception):
    """A backend could not do what it was told; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Where connections end. `node`: "" for one on no node (an address outside the cluster)."""

    ip: str
    port: int
    node: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """What the proxy needs to know of a node."""

    addresses: tuple[str, ...] = ()
    pod_cidr: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """See the module. `cluster_fronts` (cluster IPs) and `fronts` (other addresses) are reached from inside the cluster,
    `host_fronts` from the host; `node_port` is open at every node's address and at the host's loopback. `external`: the
    endpoints for what comes from the host."""

    key: Key
    protocol: str
    cluster_fronts: tuple[Address, ...] = ()
    fronts: tuple[Address, ...] = ()
    node_port: int = 0
    host_fronts: tuple[Address, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    by_node: tuple[tuple[str, tuple[Endpoint, ...]], ...] = ()
    local_only: bool = False
    """internalTrafficPolicy Local: cluster IPs lead to `by_node` and nowhere else; other addresses to `endpoints`."""
    external: tuple[Endpoint, ...] = ()
    affinity: int = 0
    """Seconds for which a client keeps its endpoint; 0: every connection is on its own."""
    source_ranges: tuple[str, ...] = ()
    """Who may come through a load balancer's address; empty: anybody."""

    @property
    def title(self) -> str:
        """`default/web:http`, as messages name it."""
        _, ns, of, port = self.key
        return f"{ns}/{of}" + (f":{port}" if port else "")

    def everywhere(self) -> set[Endpoint]:
        """Every endpoint that somebody may be led to."""
        return {*self.endpoints, *self.external, *(e for _, found in self.by_node for e in found)}


@dataclass(frozen=True, slots=True)
class Clash:
    """Two want one address: `loser` does not get it."""

    loser: Key
    address: str
    port: int
    protocol: str
    winner: Key


# ---------------------------------------------------------------------- Services


@dataclass(slots=True)
class _State:
    endpoint: Endpoint
    ready: bool
    serving: bool
    terminating: bool
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


def nodes_of(nodes: Iterable[Obj]) -> dict[str, Node]:
    """Node objects as `Node`s, by name."""
    found = {}
    for node in nodes:
        addresses = (node.get("status") or {}).get("addresses") or []
        ips = tuple(a["address"] for a in addresses if a.get("type") == "InternalIP" and ":" not in a["address"])
        found[name(node)] = Node(ips, (node.get("spec") or {}).get("podCIDR") or "", labels_of(node).get(ZONE, ""))
    return found


def is_proxied(service: Obj) -> bool:
    """Whether a Service has addresses that lead anywhere by our doing."""
    spec = service["spec"]
    labels = labels_of(service)
    if spec.get("type") == EXTERNAL_NAME or PROXY_NAME in labels or HEADLESS_LABEL in labels:
        return False
    return not is_headless(spec) and bool(spec.get("clusterIP"))


def targets_of(service: Obj, slices: Iterable[Obj], nodes: Mapping[str, Node]) -> list[Target]:
    """The targets of a Service, one a port; none for what has no address, and for protocols other than TCP and UDP."""
    if not is_proxied(service):
        return []
    mine = [s for s in slices if s.get("addressType", "IPv4") == "IPv4" and PROXY_NAME not in labels_of(s)]
    found = []
    for port in service["spec"].get("ports") or []:
        protocol = PROTOCOLS.get(port.get("protocol") or "TCP")
        if protocol is not None:
            found.append(_target(service, port, protocol, _states(mine, port), nodes))
    return found


def refused_ports(service: Obj) -> list[Obj]:
    """The ports whose protocol cannot be served (SCTP)."""
    if not is_proxied(service):
        return []
    return [p for p in service["spec"].get("ports") or [] if (p.get("protocol") or "TCP") not in PROTOCOLS]


def _states(slices: Iterable[Obj], port: Obj) -> list[_State]:
    """Every endpoint of a port, once, in order."""
    found: dict[Address, _State] = {}
    for each in slices:
        for entry in each.get("ports") or []:
            same = (entry.get("name") or "") == (port.get("name") or "")
            if not same or not entry.get("port") or (entry.get("protocol") or "TCP") != (port.get("protocol") or "TCP"):
                continue
            for endpoint in each.get("endpoints") or []:
                state = _state(endpoint, int(entry["port"]))
                at = (state.endpoint.ip, state.endpoint.port)
                if at not in found or (state.ready and not found[at].ready):
                    found[at] = state
    return [found[a] for a in sorted(found)]


def _state(endpoint: Obj, port: int) -> _State:
    conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
    return _State(
        Endpoint(endpoint["addresses"][0], port, endpoint.get("nodeName") or ""),
        conditions.get("ready") is not False,
        conditions.get("serving") is not False,
        bool(conditions.get("terminating")),
        tuple(h["name"] for h in hints.get("forZones") or []),
        tuple(h["name"] for h in hints.get("forNodes") or []),
    )


def _usable(states: Iterable[_State]) -> tuple[Endpoint, ...]:
    """Those that are ready; when there is none, those that end but still answer (KEP-1669)."""
    states = list(states)
    ready = tuple(s.endpoint for s in states if s.ready)
    return ready or tuple(s.endpoint for s in states if s.serving and s.terminating)


def _target(service: Obj, port: Obj, protocol: str, states: list[_State], nodes: Mapping[str, Node]) -> Target:
    spec = service["spec"]
    usable = _usable(states)
    names = {*nodes, *(s.endpoint.node for s in states)}
    on_node = {n: _usable(s for s in states if s.endpoint.node == n) for n in names}
    local_only = spec.get("internalTrafficPolicy") == LOCAL
    if local_only:
        by_node = tuple((n, on_node[n]) for n in sorted(nodes) if on_node[n])
    else:
        by_node = _hinted(usable, states, nodes)
    external = usable
    if spec.get("externalTrafficPolicy") == LOCAL:
        external = tuple(sorted(e for found in on_node.values() for e in found if e.node))
    vips, balancers = _balancer_addresses(service)
    number = int(port["port"])
    return Target(
        key=("Service", namespace(service), name(service), port.get("name") or ""),
        protocol=protocol,
        cluster_fronts=tuple((ip, number) for ip in _ipv4([spec["clusterIP"]])),
        fronts=tuple((ip, number) for ip in dict.fromkeys([*_ipv4(spec.get("externalIPs") or []), *vips])),
        node_port=int(port.get("nodePort") or 0),
        host_fronts=tuple((ip, number) for ip in balancers),
        endpoints=usable,
        by_node=by_node,
        local_only=local_only,
        external=external,
        affinity=_affinity(spec),
        source_ranges=tuple(spec.get("loadBalancerSourceRanges") or ()) if spec.get("type") == LOAD_BALANCER else (),
    )


def _affinity(spec: Obj) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = ((spec.get("sessionAffinityConfig") or {}).get("clientIP")) or {}
    return int(config.get("timeoutSeconds") or DEFAULT_AFFINITY)


def _ipv4(addresses: Iterable[str]) -> list[str]:
    """Those of the one family that is served."""
    return [a for a in addresses if ":" not in a]


def _balancer_addresses(service: Obj) -> tuple[list[str], list[str]]:
    """Of a load balancer: addresses that the cluster answers itself, and addresses on the host's loopback."""
    vips, ours = [], []
    if service["spec"].get("type") == LOAD_BALANCER:
        for ingress in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
            ip = ingress.get("ip") or ""
            if ip.startswith("127."):
                ours.append(ip)
            elif ip and ":" not in ip and ingress.get("ipMode", "VIP") == "VIP":
                vips.append(ip)
    return vips, ours


def _hinted(
    usable: tuple[Endpoint, ...], states: list[_State], nodes: Mapping[str, Node]
) -> tuple[tuple[str, tuple[Endpoint, ...]], ...]:
    """Endpoints by node as hints say, for nodes to which they say anything. Hints count only when every usable endpoint
    has some and the node's own are among them."""
    chosen = {s.endpoint: s for s in states}
    found = []
    by_node = bool(usable) and all(chosen[e].nodes for e in usable)
    by_zone = bool(usable) and all(chosen[e].zones for e in usable)
    for node in sorted(nodes) if by_node or by_zone else ():
        mine = tuple(e for e in usable if by_node and node in chosen[e].nodes)
        if not mine and by_zone and nodes[node].zone:
            mine = tuple(e for e in usable if nodes[node].zone in chosen[e].zones)
        if mine and mine != usable:
            found.append((node, mine))
    return tuple(found)


# ---------------------------------------------------------------------- host ports of pods


def has_host_ports(pod: Obj) -> bool:
    spec = pod.get("spec") or {}
    if spec.get("hostNetwork"):
        return False
    return any(p.get("hostPort") for c in _containers(spec) for p in c.get("ports") or [])


def host_port_targets(pod: Obj, nodes: Mapping[str, Node]) -> list[Target]:
    """A target for every hostPort of a pod that has an address and has not ended."""
    status = pod.get("status") or {}
    ip = status.get("podIP")
    if not ip or status.get("phase") in ("Succeeded", "Failed") or not has_host_ports(pod):
        return []
    node = pod["spec"].get("nodeName") or ""
    found = []
    for container in _containers(pod["spec"]):
        for port in container.get("ports") or []:
            protocol = PROTOCOLS.get(port.get("protocol") or "TCP")
            if port.get("hostPort") and protocol is not None:
                found.append(_host_port(pod, port, protocol, Endpoint(ip, port["containerPort"], node), nodes))
    return found


def _containers(spec: Obj) -> list[Obj]:
    sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    return [*(spec.get("containers") or []), *sidecars]


def _host_port(pod: Obj, port: Obj, protocol: str, endpoint: Endpoint, nodes: Mapping[str, Node]) -> Target:
    number, wanted = int(port["hostPort"]), port.get("hostIP") or ""
    anywhere = wanted in ("", "0.0.0.0")
    addresses = nodes[endpoint.node].addresses if endpoint.node in nodes else ()
    on_host = [LOOPBACK] if anywhere else [wanted] if wanted.startswith("127.") else []
    inside = [a for a in addresses if (anywhere or a == wanted) and not a.startswith("127.")]
    return Target(
        key=("Pod", namespace(pod), name(pod), f"{number}/{protocol}"),
        protocol=protocol,
        fronts=tuple((a, number) for a in inside),
        host_fronts=tuple((a, number) for a in on_host),
        endpoints=(endpoint,),
        external=(endpoint,),
    )


# ---------------------------------------------------------------------- all together


@dataclass(slots=True)
class Together:
    """All targets, no two at one address."""

    targets: dict[Key, Target] = field(default_factory=dict)
    clashes: list[Clash] = field(default_factory=list)


def together(targets: Iterable[Target], node_addresses: Iterable[str] = ()) -> Together:
    """Give every address to one target. Cluster IPs and node ports should be unique already and are nobody else's;
    externalIPs, hostPorts and a load balancer's addresses are not. Who stands first in the order of names has it,
    Services before pods."""
    result = Together()
    taken: dict[tuple[bool, str, str, int], Key] = {}
    node_ips = list(node_addresses)

    def keep(target: Target, inside: bool, wanted: Iterable[Address]) -> tuple[Address, ...]:
        kept = []
        for ip, port in wanted:
            holder = taken.setdefault((inside, ip, target.protocol, port), target.key)
            if holder == target.key:
                kept.append((ip, port))
            else:
                result.clashes.append(Clash(target.key, ip, port, target.protocol, holder))
        return tuple(kept)

    ordered = sorted(targets, key=lambda t: (t.key[0] != "Service", t.key))
    refused = set()
    for target in (t for t in ordered if t.node_port):
        if not keep(target, False, [(LOOPBACK, target.node_port)]):
            refused.add(target.key)
            continue
        for ip in node_ips:
            taken.setdefault((True, ip, target.protocol, target.node_port), target.key)
    cluster_fronts = {t.key: keep(t, True, t.cluster_fronts) for t in ordered}
    for target in ordered:
        kept = replace(
            target,
            cluster_fronts=cluster_fronts[target.key],
            fronts=keep(target, True, target.fronts),
            host_fronts=keep(target, False, target.host_fronts),
            node_port=0 if target.key in refused else target.node_port,
        )
        result.targets[target.key] = target if kept == target else kept
    return result


def is_inside(ip: str, networks: Iterable[ipaddress.IPv4Network]) -> bool:
    """Whether an endpoint is in the cluster's own network; others are reached from the host's."""
    address = ipaddress.IPv4Address(ip)
    return any(address in n for n in networks)
