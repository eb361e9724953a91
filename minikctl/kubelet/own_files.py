"""The files that every pod gets from its kubelet: /etc/hosts, /etc/hostname, /etc/resolv.conf.

Source: kubelet `kubelet_pods.go` (managedHostsFileContent, nodeHostsFileContent), `network/dns/dns.go`; Kubernetes
concept "DNS for Services and Pods".
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minikctl.api.meta import Obj, namespace
from minikctl.runtime.interface import Mount

CLUSTER_DNS, CLUSTER_DOMAIN = "10.96.0.10", "cluster.local"
MOST_SERVERS, MOST_SEARCHES = 3, 32
"""What is more is left out, as resolvers would do."""
_HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
_NODE_HOSTS = "# Kubernetes-managed hosts file (host network).\n"


def domain_of(pod: Obj) -> str:
    """What comes after the host name, "" for a pod without a subdomain."""
    subdomain = pod["spec"].get("subdomain")
    return f"{subdomain}.{namespace(pod)}.svc.{CLUSTER_DOMAIN}" if subdomain else ""


def hosts(ip: str, hostname: str, domain: str, aliases: Iterable[Obj]) -> str:
    names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
    return f"{_HOSTS}{ip}\t{names}\n{_aliases(aliases)}"


def _aliases(aliases: Iterable[Obj]) -> str:
    lines = ["\t".join([a["ip"], *(a.get("hostnames") or [])]) + "\n" for a in aliases]
    return "\n# Entries added by HostAliases.\n" + "".join(lines) if lines else ""


def resolv_conf(system: str, policy: str, config: Obj, own: str = "", cluster_dns: str = "") -> str:
    """The machine's (policy Default) or the cluster's (ClusterFirst) for a pod of the namespace `own`, or neither
    (None), with what the pod's dnsConfig adds.

    Without a cluster DNS, the machine's counts. With one, it also stands for the machine's name servers, which it
    asks: from a pod's own network they may be out of reach (127.0.0.53 always is).
    """
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in system.splitlines() if policy != "None" else []:
        word, _, rest = line.strip().partition(" ")
        if word == "nameserver":
            servers.append(cluster_dns or rest.strip())
        elif word in ("search", "domain"):
            searches = rest.split()
        elif word == "options":
            options = rest.split()
    if cluster_dns and policy == "ClusterFirst":
        below = f"svc.{CLUSTER_DOMAIN}"
        servers, searches, options = [cluster_dns], [f"{own}.{below}", below, CLUSTER_DOMAIN, *searches], ["ndots:5"]
    servers = list(dict.fromkeys([*servers, *(config.get("nameservers") or [])]))[:MOST_SERVERS]
    searches = list(dict.fromkeys([*searches, *(config.get("searches") or [])]))[:MOST_SEARCHES]
    for option in config.get("options") or []:
        name, value = option["name"], option.get("value")
        options = [o for o in options if o.partition(":")[0] != name] + [f"{name}:{value}" if value else name]
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {s}" for s in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(f"{line}\n" for line in lines)


def dns_policy(spec: Obj) -> str:
    """Default, ClusterFirst or None: the other two are spellings that depend on hostNetwork."""
    asked = str(spec.get("dnsPolicy") or "ClusterFirst")
    if asked == "ClusterFirst" and spec.get("hostNetwork"):
        return "Default"
    return "ClusterFirst" if asked == "ClusterFirstWithHostNet" else asked


def write(
    pod: Obj, folder: Path, ip: str, hostname: str, taken: Iterable[str], *, cluster_dns: str = ""
) -> tuple[Mount, ...]:
    """Make the files in the pod's folder; mounts for those whose place is not taken by a volume. Raises OSError."""
    spec = pod["spec"]
    aliases, system = spec.get("hostAliases") or [], _read("/etc/resolv.conf")
    contents = {
        "/etc/hostname": hostname + "\n",
        "/etc/hosts": hosts(ip, hostname.partition(".")[0], domain_of(pod), aliases),
        "/etc/resolv.conf": resolv_conf(
            system, dns_policy(spec), spec.get("dnsConfig") or {}, namespace(pod), cluster_dns
        ),
    }
    if spec.get("hostNetwork"):
        contents["/etc/hosts"] = _NODE_HOSTS + _read("/etc/hosts") + _aliases(aliases)
    out = []
    for place, text in contents.items():
        path = folder / place.lstrip("/").replace("/", "-")
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o644)
        if place not in taken:
            out.append(Mount(str(path), place))
    return tuple(out)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
