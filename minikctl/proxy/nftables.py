"""The Service proxy in the kernel: targets as nftables maps and chains, in one table of the router's network namespace.

- A packet's destination is looked up in one map (`fronts`, `node-ports`); its verdict is the target's chain, whose one
  rule rewrites the destination to an endpoint at random. A change of endpoints rewrites that chain alone.
- With session affinity every endpoint has a chain and a set of the clients that it keeps for a time.
- What is sent to a cluster IP and led nowhere is rejected, never dropped. What a Service has led to an address is not
  rejected for another one that wants to have that address.
- A pod that reaches itself through its Service is masqueraded: it would throw away packets from its own address.
- A first load builds a whole new table in pieces that a netlink socket of an ordinary user holds (`CHUNK`), unhooked,
  and puts it in place of the old one in one transaction: connections made meanwhile follow the old rules.

Only rules for new connections are made here: those that stand stay where they are (that is Kubernetes' draining), but
UDP's are forgotten (`conntrack.py`) when their endpoint goes.

Source of the structure: Kubernetes `pkg/proxy/nftables/README.md`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from minikctl.proxy.rules import BackendFailure, Endpoint, Key, Node, Target

log = logging.getLogger("proxy")
TABLES = ("minikctl-services", "minikctl-services-2")
"""One of the two is in force; a reload makes the other one."""
CHUNK = 20_000
"""Characters of nft's language in one transaction of a first load."""
Run = Callable[[str, list[str]], str]
"""(input, nft's arguments) → output. Raises BackendFailure."""


def run_nft(text: str, arguments: list[str]) -> str:
    """Call the program in this process' network namespace."""
    try:
        done = subprocess.run(["nft", *arguments], input=text, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise BackendFailure(f"nft cannot be asked: {e}") from None
    if done.returncode:
        raise BackendFailure(done.stderr.strip()[:500] or f"nft ended with exit code {done.returncode}")
    return done.stdout


# ---------------------------------------------------------------------- one target, rendered


@dataclass(slots=True)
class Rendered:
    """What one target is in nft: sets (name → definition), chains (name → rules) and elements of the maps."""

    sets: dict[str, str] = field(default_factory=dict)
    chains: dict[str, list[str]] = field(default_factory=dict)
    fronts: dict[str, str] = field(default_factory=dict)
    """`10.96.0.7 . tcp . 80` → chain."""
    node_ports: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """Addresses outside the range of cluster IPs that lead nowhere now."""


def render(target: Target, nodes: Mapping[str, Node]) -> Rendered:
    """Pure."""
    result = Rendered()
    outer = _chain(
        result, target, "service" if target.key[0] == "Service" else "host-port", target.endpoints, {}, nodes
    )
    by_node = {n: found for n, found in target.by_node if n in nodes and _sources(nodes[n])}
    inner = outer
    if target.local_only:
        inner = _chain(result, target, "local", (), by_node, nodes)
    elif by_node and outer:
        inner = outer = _chain(result, target, "service", target.endpoints, by_node, nodes)
    for fronts, chain in ((target.cluster_fronts, inner), (target.fronts, outer)):
        for ip, port in fronts:
            element = f"{ip} . {target.protocol} . {port}"
            if chain:
                result.fronts[element] = chain
            else:
                result.rejected[element] = ""
    if target.node_port and outer:
        result.node_ports[f"{target.protocol} . {target.node_port}"] = outer
    return result


def _chain(
    result: Rendered,
    target: Target,
    kind: str,
    endpoints: tuple[Endpoint, ...],
    by_node: Mapping[str, tuple[Endpoint, ...]],
    nodes: Mapping[str, Node],
) -> str:
    """The chain that chooses one of these endpoints; "" when there is none to choose."""
    if not endpoints and not by_node:
        return ""
    _, ns, of, port = target.key
    name = f"{kind}-{_digest(*target.key)}-{ns}/{of}/{target.protocol}" + (f"/{port}" if port else "")
    rules = []
    for node, found in by_node.items():
        below = f"on-{_digest(*target.key, node)}-{ns}/{of}/{node}"[:200]
        result.chains[below] = _choice(result, target, found)
        rules.append(f"ip saddr {{ {', '.join(_sources(nodes[node]))} }} goto {below}")
    result.chains[name] = rules + _choice(result, target, endpoints)
    return name


def _sources(node: Node) -> list[str]:
    """Where clients on a node come from."""
    return [*([node.pod_cidr] if node.pod_cidr else []), *node.addresses]


def _choice(result: Rendered, target: Target, endpoints: tuple[Endpoint, ...]) -> list[str]:
    if not endpoints:
        return []
    proto = f"meta l4proto {target.protocol}"
    if not target.affinity:
        if len(endpoints) == 1:
            return [f"{proto} dnat to {endpoints[0].ip}:{endpoints[0].port}"]
        choices = ", ".join(f"{i} : {e.ip} . {e.port}" for i, e in enumerate(endpoints))
        return [f"{proto} dnat ip addr . port to numgen random mod {len(endpoints)} map {{ {choices} }}"]
    names = []
    for e in endpoints:
        tail = f"{_digest(*target.key, e.ip, str(e.port))}-{e.ip}/{e.port}"
        result.sets[f"affinity-{tail}"] = (
            f"{{ type ipv4_addr; flags dynamic,timeout; timeout {target.affinity}s; size 65535; }}"
        )
        result.chains[f"endpoint-{tail}"] = [
            f"update @affinity-{tail} {{ ip saddr }}",
            f"{proto} dnat to {e.ip}:{e.port}",
        ]
        names.append(tail)
    choices = ", ".join(f"{i} : goto endpoint-{tail}" for i, tail in enumerate(names))
    known = [f"ip saddr @affinity-{tail} goto endpoint-{tail}" for tail in names]
    return [*known, f"numgen random mod {len(names)} vmap {{ {choices} }}"]


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:8]


# ---------------------------------------------------------------------- the table


BASE = """\
add chain ip {t} services
add rule ip {t} services ip daddr . meta l4proto . th dport vmap @fronts
add rule ip {t} services ip daddr @node-addresses meta l4proto . th dport vmap @node-ports
add chain ip {t} refuse
add rule ip {t} refuse meta l4proto tcp reject with tcp reset
add rule ip {t} refuse reject
add chain ip {t} unserved
add rule ip {t} unserved ip daddr {cidr} fib daddr type != local goto refuse
add rule ip {t} unserved ct status dnat return
add rule ip {t} unserved ip daddr . meta l4proto . th dport @rejected goto refuse
add chain ip {t} prerouting {{ type nat hook prerouting priority -100; }}
add rule ip {t} prerouting jump services
add chain ip {t} output {{ type nat hook output priority -100; }}
add rule ip {t} output jump services
add chain ip {t} postrouting {{ type nat hook postrouting priority 100; }}
add rule ip {t} postrouting ct status dnat ip saddr . ip daddr @hairpin masquerade
add chain ip {t} prerouting-filter {{ type filter hook prerouting priority -90; }}
add rule ip {t} prerouting-filter jump unserved
add chain ip {t} output-filter {{ type filter hook output priority -90; }}
add rule ip {t} output-filter jump unserved
"""
SETS = """\
add table ip {t}
add map ip {t} fronts {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
add map ip {t} node-ports {{ type inet_proto . inet_service : verdict; }}
add set ip {t} node-addresses {{ type ipv4_addr; }}
add set ip {t} rejected {{ type ipv4_addr . inet_proto . inet_service; }}
add set ip {t} hairpin {{ type ipv4_addr . ipv4_addr; }}
"""


TRIAL = """\
add chain ip {t} trial
add set ip {t} clients {{ type ipv4_addr; flags dynamic,timeout; timeout 60s; }}
add rule ip {t} trial update @clients {{ ip saddr }}
add rule ip {t} trial meta l4proto tcp dnat ip addr . port to numgen random mod 2 map {{ 0 : 10.0.0.1 . 1, 1 : 10.0.0.2 . 2 }}
delete table ip {t}
"""


def refused(service_cidr: str, run: Run = run_nft) -> str:
    """Why nftables cannot be used here, found out by a table with everything that is needed; "" when it can."""
    try:
        run((SETS + BASE + TRIAL).format(t="minikctl-trial", cidr=service_cidr), ["-f", "-"])
    except (BackendFailure, OSError) as e:
        return str(e)
    return ""


class Nftables:
    """See the module. `apply` brings the kernel to the given targets; it is called from one thread."""

    name = "nftables"

    def __init__(self, service_cidr: str, run: Run = run_nft):
        self.table = ""
        self._cidr, self._run = service_cidr, run
        self._targets: dict[Key, Target] = {}
        self._rendered: dict[Key, Rendered] = {}
        self._nodes: dict[str, Node] = {}
        self._hairpin: Counter[str] = Counter()

    def apply(self, targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        """Raises BackendFailure; what is in force then is what was before, and the next call loads everything anew."""
        try:
            if not self.table or dict(nodes) != self._nodes:
                self._load(targets, nodes)
            else:
                self._change(targets)
        except BackendFailure:
            self.table = ""
            raise

    def close(self) -> None:
        """Leave the rules: connections go on while another proxy is started."""

    # ------------------------------------------------------------------ everything

    def _load(self, targets: Mapping[Key, Target], nodes: Mapping[str, Node]) -> None:
        began = time.monotonic()
        present = [t for t in TABLES if f"table ip {t}\n" in self._run("", ["list", "tables", "ip"]) + "\n"]
        table = next((t for t in TABLES if t not in present), TABLES[0])
        sticky = any(t.affinity for t in targets.values())
        kept = {name: clients for old in present if sticky for name, clients in self._affinities(old).items()}
        clear = "".join(f"delete table ip {t}\n" for t in present if t == table)
        addresses = sorted({a for n in nodes.values() for a in n.addresses})
        rendered = {key: render(target, nodes) for key, target in targets.items()}
        hairpin = Counter(e.ip for t in targets.values() for e in t.everywhere())
        lines = _elements("add", table, "node-addresses", addresses)
        for each in rendered.values():
            lines += _delta(table, Rendered(), each)
            for name in kept.keys() & each.sets.keys():
                lines += _elements("add", table, name, kept[name])
        for start in range(0, len(addresses := sorted(hairpin)), 200):
            lines += _elements("add", table, "hairpin", [f"{ip} . {ip}" for ip in addresses[start : start + 200]])
        self._run(clear + SETS.format(t=table), ["-f", "-"])
        for text in _chunks(lines):
            self._run(text, ["-f", "-"])
        others = "".join(f"delete table ip {t}\n" for t in present if t != table)
        self._run(BASE.format(t=table, cidr=self._cidr) + others, ["-f", "-"])
        self.table, self._nodes = table, dict(nodes)
        self._targets, self._rendered, self._hairpin = dict(targets), rendered, hairpin
        taken = time.monotonic() - began
        log.info("loaded the rules of %d ports with %d endpoints in %.3f s", len(targets), len(hairpin), taken)

    def _affinities(self, table: str) -> dict[str, list[str]]:
        """Set → its clients with the time that they have left, of a table that an earlier proxy left."""
        found: dict[str, list[str]] = {}
        try:
            listed = json.loads(self._run("", ["-j", "list", "table", "ip", table]))["nftables"]
        except (BackendFailure, ValueError, KeyError):
            return found
        for entry in listed:
            one = entry.get("set") or {}
            if one.get("name", "").startswith("affinity-"):
                elems = [e["elem"] for e in one.get("elem") or [] if isinstance(e, dict)]
                found[one["name"]] = [f"{e['val']} expires {max(int(e.get('expires', 1)), 1)}s" for e in elems]
        return {name: clients for name, clients in found.items() if clients}

    # ------------------------------------------------------------------ what changed

    def _change(self, targets: Mapping[Key, Target]) -> None:
        gone = [k for k in self._targets if k not in targets]
        changed = [k for k, t in targets.items() if self._targets.get(k) != t]
        if not gone and not changed:
            return
        table, first, last = self.table, [], []
        hairpin = self._hairpin.copy()
        fresh: dict[Key, Rendered] = {}
        for key in [*gone, *changed]:
            old = self._rendered.get(key) or Rendered()
            new = fresh[key] = render(targets[key], self._nodes) if key in targets else Rendered()
            first += _delta(table, old, new)
            last += _removal(table, old, new)
            if key in self._targets:
                hairpin.subtract(e.ip for e in self._targets[key].everywhere())
            if key in targets:
                hairpin.update(e.ip for e in targets[key].everywhere())
        before, after = {i for i, n in self._hairpin.items() if n > 0}, {i for i, n in hairpin.items() if n > 0}
        first += _elements("add", table, "hairpin", [f"{ip} . {ip}" for ip in sorted(after - before)])
        last += _elements("delete", table, "hairpin", [f"{ip} . {ip}" for ip in sorted(before - after)])
        for text in _chunks(first + last) if len(gone) + len(changed) > 20 else ["".join(first + last)]:
            if text:
                self._run(text, ["-f", "-"])
        self._targets, self._hairpin = dict(targets), +hairpin
        for key, rendered in fresh.items():
            if key in targets:
                self._rendered[key] = rendered
            else:
                self._rendered.pop(key, None)


def _delta(table: str, old: Rendered, new: Rendered) -> list[str]:
    """What makes `new` exist; removals of map elements that change included."""
    lines = [f"add set ip {table} {name} {how}\n" for name, how in new.sets.items() if name not in old.sets]
    changed = [(name, rules) for name, rules in new.chains.items() if old.chains.get(name) != rules]
    lines += [f"add chain ip {table} {name}\n" for name, _ in changed]
    for name, rules in changed:
        if name in old.chains:
            lines.append(f"flush chain ip {table} {name}\n")
        lines += [f"add rule ip {table} {name} {rule}\n" for rule in rules]
    for where, before, after in _maps(old, new):
        lines += _elements("delete", table, where, [k for k, v in before.items() if after.get(k) != v])
        verdict = " : goto " if where != "rejected" else ""
        lines += _elements("add", table, where, [f"{k}{verdict}{v}" for k, v in after.items() if before.get(k) != v])
    return lines


def _removal(table: str, old: Rendered, new: Rendered) -> list[str]:
    """What is left of `old` once nothing points to it."""
    chains = [n for n in old.chains if n not in new.chains]
    lines = [f"flush chain ip {table} {n}\n" for n in chains]
    lines += [f"delete chain ip {table} {n}\n" for n in chains]
    return lines + [f"delete set ip {table} {n}\n" for n in old.sets if n not in new.sets]


def _maps(old: Rendered, new: Rendered) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    return [
        ("fronts", old.fronts, new.fronts),
        ("node-ports", old.node_ports, new.node_ports),
        ("rejected", old.rejected, new.rejected),
    ]


def _elements(verb: str, table: str, where: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    return [f"{verb} element ip {table} {where} {{ {listed} }}\n"] if listed else []


def _chunks(lines: Iterable[str]) -> list[str]:
    """The lines in order, in pieces of about CHUNK characters."""
    pieces: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if size > CHUNK:
            pieces.append([])
            size = 0
        pieces[-1].append(line)
        size += len(line)
    return ["".join(p) for p in pieces if p]
