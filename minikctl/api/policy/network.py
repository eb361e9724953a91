"""NetworkPolicy: who may speak to whom. Pure: policies, pods and namespaces give, for every pod that a policy selects,
the addresses and ports that it may be reached from and may reach.

Source: Kubernetes concept "Network Policies" and the API's descriptions. Policies add up: a pod is isolated in a
direction as soon as one policy selects it for that direction, and what any of them allows is allowed. What a pod says
to itself, what its node says to it, and replies are always allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, labels_of, name, namespace
from minikctl.api.selectors import Selector, from_label_selector

INGRESS, EGRESS = "Ingress", "Egress"
LAST_PORT = 65535
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """A range of ports of a protocol (TCP, UDP, SCTP)."""

    protocol: str
    first: int = 0
    last: int = LAST_PORT


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """A range of addresses without some parts of it."""

    cidr: str
    excluded: tuple[str, ...] = ()

    def has(self, address: str) -> bool:
        return _is_in(address, self.cidr) and not any(_is_in(address, e) for e in self.excluded)


@dataclass(frozen=True, slots=True)
class Rule:
    """Peers and ports that are allowed together. `peers` and `blocks` None: anybody; `ports` None: every port.

    `id` names the rule and stays the same while its peers come and go.
    """

    id: str
    peers: frozenset[str] | None
    blocks: tuple[Block, ...]
    ports: tuple[Ports, ...] | None

    def allows(self, address: str, protocol: str, port: int) -> bool:
        if self.ports is not None and not any(p.protocol == protocol and p.first <= port <= p.last for p in self.ports):
            return False
        return self.peers is None or address in self.peers or any(b.has(address) for b in self.blocks)


@dataclass(frozen=True, slots=True)
class Isolation:
    """One direction of a pod that is selected: the policies that select it (`namespace/name`), and what they allow."""

    policies: tuple[str, ...]
    rules: tuple[Rule, ...]

    def allows(self, address: str, protocol: str, port: int) -> bool:
        return any(r.allows(address, protocol, port) for r in self.rules)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a connection may be made; if not, which direction forbids it and by which policies."""

    allowed: bool
    direction: str = ""
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiled:
    """The isolated directions of pods, by their addresses."""

    ingress: Mapping[str, Isolation] = field(default_factory=dict)
    egress: Mapping[str, Isolation] = field(default_factory=dict)

    def decide(self, source: str, destination: str, protocol: str, port: int) -> Verdict:
        """May `source` open a connection to this port of `destination`? Both are addresses, after any Service's."""
        if source == destination:
            return Verdict(True)
        out, into = self.egress.get(source), self.ingress.get(destination)
        if out is not None and not out.allows(destination, protocol, port):
            return Verdict(False, EGRESS, out.policies)
        if into is not None and not into.allows(source, protocol, port):
            return Verdict(False, INGRESS, into.policies)
        return Verdict(True)


# ---------------------------------------------------------------------- compiling


@dataclass(frozen=True, slots=True)
class _Pod:
    """What a policy looks at. ports: name and protocol → number."""

    address: str
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[tuple[str, str], int]


def compile_policies(
    policies: Iterable[Obj], pods: Iterable[Obj], namespaces: Iterable[Obj], others: Iterable[Obj] = ()
) -> Compiled:
    """What all policies come to. Pods on the host's network, without an address or ended are in no policy's reach.

    others: pods that can be peers but are never isolated (the cluster's own DNS, which is no pod here).
    """
    found = [_pod(p) for p in pods if _counts(p)]
    world = _World([*found, *(_pod(p) for p in others)], {name(n): labels_of(n) for n in namespaces})
    ingress: dict[str, list[tuple[str, list[Rule]]]] = {}
    egress: dict[str, list[tuple[str, list[Rule]]]] = {}
    for policy in sorted(policies, key=lambda p: (namespace(p), name(p))):
        spec, where = policy.get("spec") or {}, namespace(policy)
        chosen = from_label_selector(spec.get("podSelector") or {})
        title = f"{where}/{name(policy)}"
        types = policy_types(spec)
        for pod in found:
            if pod.namespace != where or not chosen.matches(pod.labels):
                continue
            if INGRESS in types:
                rules = [r for i, e in enumerate(spec.get("ingress") or []) for r in _ingress(title, i, e, pod, world)]
                ingress.setdefault(pod.address, []).append((title, rules))
            if EGRESS in types:
                rules = [r for i, e in enumerate(spec.get("egress") or []) for r in _egress(title, i, e, where, world)]
                egress.setdefault(pod.address, []).append((title, rules))
    return Compiled({a: _merged(p) for a, p in ingress.items()}, {a: _merged(p) for a, p in egress.items()})


def policy_types(spec: Obj) -> list[str]:
    """The directions that a policy is about; those that the API server would fill in, when there are none."""
    return list(spec.get("policyTypes") or [INGRESS, *([EGRESS] if spec.get("egress") else [])])


def dns_peer(address: str) -> Obj:
    """The cluster's DNS as the pod that policies in the documentation select: `k8s-app: kube-dns` in kube-system."""
    ports = [{"name": "dns", "protocol": "UDP", "containerPort": 53}]
    ports += [{"name": "dns-tcp", "protocol": "TCP", "containerPort": 53}]
    return {
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"containers": [{"name": "coredns", "ports": ports}]},
        "status": {"podIP": address},
    }


def _merged(parts: list[tuple[str, list[Rule]]]) -> Isolation:
    rules = {rule: None for _title, rules in parts for rule in rules}
    return Isolation(tuple(title for title, _rules in parts), tuple(rules))


class _World:
    """All pods and namespaces, for selectors; each is asked once."""

    def __init__(self, pods: list[_Pod], namespaces: Mapping[str, Mapping[str, str]]):
        self.pods, self._namespaces = pods, namespaces
        self._matching: dict[tuple[str, str], list[_Pod]] = {}

    def peers(self, peer: Obj, where: str) -> list[_Pod]:
        """The pods that one entry of `from` or `to` means, in a policy of namespace `where`."""
        key = (where, repr(peer))
        if key not in self._matching:
            pods = from_label_selector(peer["podSelector"] or {}) if peer.get("podSelector") is not None else Selector()
            if peer.get("namespaceSelector") is not None:
                wanted = from_label_selector(peer["namespaceSelector"])
                spaces = {n for n, labels in self._namespaces.items() if wanted.matches(labels)}
            else:
                spaces = {where}
            self._matching[key] = [p for p in self.pods if p.namespace in spaces and pods.matches(p.labels)]
        return self._matching[key]


def _ingress(title: str, index: int, entry: Obj, pod: _Pod, world: _World) -> list[Rule]:
    """Port names are those of the pod that is reached: `pod`."""
    ports: set[Ports] = set()
    for wanted in entry.get("ports") or []:
        named = wanted.get("port")
        if isinstance(named, str):
            protocol = wanted.get("protocol") or "TCP"
            number = pod.ports.get((named, protocol))
            ports |= {Ports(protocol, number, number)} if number is not None else set()
        else:
            ports.add(_range(wanted))
    if entry.get("ports") and not ports:
        return []
    allowed = tuple(sorted(ports)) if entry.get("ports") else None
    peers, blocks = _from(entry.get("from"), title.partition("/")[0], world)
    return [Rule(f"{title}/in/{index}", peers, blocks, allowed)]


def _egress(title: str, index: int, entry: Obj, where: str, world: _World) -> list[Rule]:
    """Port names are those of each pod that is reached: such ports make rules of their own."""
    wanted = entry.get("ports") or []
    numbers = tuple(sorted({_range(p) for p in wanted if not isinstance(p.get("port"), str)}))
    peers, blocks = _from(entry.get("to"), where, world)
    base = f"{title}/out/{index}"
    rules = [Rule(base, peers, blocks, numbers or None)] if numbers or not wanted else []
    named = {(p["port"], p.get("protocol") or "TCP") for p in wanted if isinstance(p.get("port"), str)}
    for port, protocol in sorted(named):
        reached: dict[int, set[str]] = {}
        for pod in world.pods:
            number = pod.ports.get((port, protocol))
            if number is not None and (peers is None or pod.address in peers):
                reached.setdefault(number, set()).add(pod.address)
        for number, addresses in sorted(reached.items()):
            exact = (Ports(protocol, number, number),)
            rules.append(Rule(f"{base}/{protocol}/{port}/{number}", frozenset(addresses), (), exact))
    return rules


def _from(peers: list[Obj] | None, where: str, world: _World) -> tuple[frozenset[str] | None, tuple[Block, ...]]:
    """The addresses and ranges of `from` or `to`; an absent or empty list is everybody."""
    if not peers:
        return None, ()
    addresses: set[str] = set()
    blocks = []
    for peer in peers:
        if peer.get("ipBlock") is not None:
            block = peer["ipBlock"]
            blocks.append(Block(block["cidr"], tuple(block.get("except") or ())))
        else:
            addresses |= {p.address for p in world.peers(peer, where)}
    return frozenset(addresses), tuple(blocks)


def _range(port: Obj) -> Ports:
    protocol, first = port.get("protocol") or "TCP", port.get("port")
    if first is None:
        return Ports(protocol)
    return Ports(protocol, first, port.get("endPort") or first)


def _counts(pod: Obj) -> bool:
    status = pod.get("status") or {}
    on_host = (pod.get("spec") or {}).get("hostNetwork")
    return bool(status.get("podIP")) and not on_host and status.get("phase") not in ENDED


def _pod(pod: Obj) -> _Pod:
    spec = pod.get("spec") or {}
    containers = [c for part in ("containers", "initContainers") for c in spec.get(part) or []]
    ports = {
        (p["name"], p.get("protocol") or "TCP"): int(p["containerPort"])
        for c in containers
        for p in c.get("ports") or []
        if p.get("name")
    }
    return _Pod(pod["status"]["podIP"], namespace(pod), labels_of(pod), ports)


def _is_in(address: str, cidr: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
