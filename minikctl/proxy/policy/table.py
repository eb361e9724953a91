"""NetworkPolicies as an nftables table of the router's network namespace: pure text.

Every packet between two pods, and from a pod to anything else, passes the router. The source's egress rules are asked,
then the destination's ingress rules; each pod's address leads to a chain in a map, pods with the same rules share one.
Replies pass, and so does what a pod sends to itself. What comes from the router's own addresses (kubelets' probes, the
node) is not looked at: Kubernetes has a node always reach its pods.

Service addresses are rewritten to endpoints before these chains see them; what leaves the cluster is judged before the
egress relay's redirection, by where it wants to go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from minikctl.api.policy.network import LAST_PORT, Compiled, Isolation, Ports, Rule

TABLE = "minikctl-policy"
CLUSTER = ("10.96.0.0/16", "10.244.0.0/15", "172.18.0.0/16", "169.254.1.1/32", "127.0.0.0/8")
"""What packets to are judged after the Services' rewriting; all else is outside."""
BASE = """\
table ip {t} {{
  set cluster {{ type ipv4_addr; flags interval; elements = {{ {cluster} }} }}
  set itself {{ type ipv4_addr . ipv4_addr; }}
  map ingress {{ type ipv4_addr : verdict; }}
  map egress {{ type ipv4_addr : verdict; }}
  chain outside {{
    type filter hook prerouting priority -110; policy accept;
    ct state established,related accept
    ip daddr @cluster accept
    ip saddr vmap @egress
  }}
  chain router {{
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    ct original ip daddr != @cluster accept
    ip saddr vmap @egress
  }}
  chain leave {{
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ip saddr . ip daddr @itself accept
    ip saddr vmap @egress
  }}
  chain enter {{
    type filter hook forward priority 1; policy accept;
    ct state established,related accept
    ip saddr . ip daddr @itself accept
    ip daddr vmap @ingress
  }}
}}
"""
CHUNK = 20_000
"""Characters of one transaction: what a netlink socket of an ordinary user holds."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Sets of peers (name → addresses), chains (name → rules), and address → chain of both directions."""

    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ingress: Mapping[str, str] = field(default_factory=dict)
    egress: Mapping[str, str] = field(default_factory=dict)

    @property
    def itself(self) -> set[str]:
        return {f"{a} . {a}" for a in {*self.ingress, *self.egress}}


def render(compiled: Compiled) -> Rendered:
    sets: dict[str, frozenset[str]] = {}
    chains: dict[str, tuple[str, ...]] = {}
    ingress = {a: _chain("saddr", i, sets, chains) for a, i in compiled.ingress.items()}
    egress = {a: _chain("daddr", i, sets, chains) for a, i in compiled.egress.items()}
    return Rendered(sets, chains, ingress, egress)


def _chain(side: str, isolation: Isolation, sets: dict[str, frozenset[str]], chains: dict[str, tuple[str, ...]]) -> str:
    """The chain of a pod. Its name comes from its rules, without the peers, which are in sets of their own."""
    rules = []
    for rule in isolation.rules:
        for peers in _peers(side, rule, sets):
            rules += [f"{peers}{ports}accept" for ports in _ports(rule.ports)]
    name = f"{'in' if side == 'saddr' else 'out'}-{_digest(repr(rules))}"
    chains[name] = (*rules, "drop")
    return name


def _peers(side: str, rule: Rule, sets: dict[str, frozenset[str]]) -> list[str]:
    """Matches of which one has to hold."""
    if rule.peers is None:
        return [""]
    found = []
    if rule.peers or not rule.blocks:
        name = f"peers-{_digest(rule.id)}"
        sets[name] = rule.peers
        found.append(f"ip {side} @{name} ")
    for block in rule.blocks:
        if ":" in block.cidr:
            continue  # there is no IPv6 in the cluster
        without = [e for e in block.excluded if ":" not in e]
        excluded = f"ip {side} != {{ {', '.join(without)} }} " if without else ""
        found.append(f"ip {side} {block.cidr} {excluded}")
    return found


def _ports(ports: tuple[Ports, ...] | None) -> list[str]:
    if ports is None:
        return [""]
    found = []
    for protocol in sorted({p.protocol for p in ports}):
        ranges = [p for p in ports if p.protocol == protocol]
        if any(p.first == 0 and p.last == LAST_PORT for p in ranges):
            found.append(f"meta l4proto {protocol.lower()} ")
        else:
            numbers = ", ".join(_joined(ranges))
            found.append(f"{protocol.lower()} dport {{ {numbers} }} ")
    return found


def _joined(ranges: Iterable[Ports]) -> list[str]:
    """Overlapping ranges become one: nft takes no others."""
    merged: list[list[int]] = []
    for ports in sorted(ranges):
        if merged and ports.first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], ports.last)
        else:
            merged.append([ports.first, ports.last])
    return [str(a) if a == b else f"{a}-{b}" for a, b in merged]


# ---------------------------------------------------------------------- changes


def fresh(wanted: Rendered, cluster: Iterable[str] = CLUSTER) -> list[str]:
    """Scripts that put this table in place of whatever was there. cluster: what is not outside."""
    base = BASE.format(t=TABLE, cluster=", ".join(cluster))
    return chunks([f"add table ip {TABLE}\n", f"delete table ip {TABLE}\n", base, *changes(Rendered(), wanted)])


REMOVE = f"add table ip {TABLE}\ndelete table ip {TABLE}\n"


def changes(old: Rendered, new: Rendered) -> list[str]:
    """The lines that make `new` of `old`; in one transaction nobody sees anything in between."""
    lines = [f"add set ip {TABLE} {n} {{ type ipv4_addr; }}\n" for n in new.sets if n not in old.sets]
    for name, members in new.sets.items():
        before = old.sets.get(name, frozenset())
        lines += _elements("delete", name, before - members) + _elements("add", name, members - before)
    lines += _elements("add", "itself", new.itself - old.itself)
    for name, rules in new.chains.items():  # a chain's name says its rules
        if name not in old.chains:
            lines.append(f"add chain ip {TABLE} {name}\n")
            lines += [f"add rule ip {TABLE} {name} {rule}\n" for rule in rules]
    for where, before_, after in (("ingress", old.ingress, new.ingress), ("egress", old.egress, new.egress)):
        lines += _elements("delete", where, [a for a, chain in before_.items() if after.get(a) != chain])
        lines += _elements(
            "add", where, [f"{a} : jump {chain}" for a, chain in after.items() if before_.get(a) != chain]
        )
    lines += _elements("delete", "itself", old.itself - new.itself)
    gone = [n for n in old.chains if n not in new.chains]
    lines += [f"flush chain ip {TABLE} {n}\n" for n in gone] + [f"delete chain ip {TABLE} {n}\n" for n in gone]
    return lines + [f"delete set ip {TABLE} {n}\n" for n in old.sets if n not in new.sets]


def chunks(lines: Iterable[str]) -> list[str]:
    """The lines in order, as few transactions as fit."""
    pieces = [""]
    for line in lines:
        if pieces[-1] and len(pieces[-1]) + len(line) > CHUNK:
            pieces.append("")
        pieces[-1] += line
    return [p for p in pieces if p]


def _elements(verb: str, where: str, elements: Iterable[str]) -> list[str]:
    listed = sorted(elements)
    return [
        f"{verb} element ip {TABLE} {where} {{ {', '.join(listed[i : i + 200])} }}\n"
        for i in range(0, len(listed), 200)
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
