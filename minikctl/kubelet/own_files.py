"""The files that every pod gets from its kubelet: /etc/hosts, /etc/hostname, /etc/resolv.conf.

Source: kubelet `kubelet_pods.go` (managedHostsFileContent), `network/dns/dns.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minikctl.api.meta import Obj, namespace
from minikctl.runtime.interface import Mount

_HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def hosts(ip: str, hostname: str, domain: str, aliases: Iterable[Obj]) -> str:
    names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
    text = f"{_HOSTS}{ip}\t{names}\n"
    lines = ["\t".join([a["ip"], *(a.get("hostnames") or [])]) + "\n" for a in aliases]
    return text + ("\n# Entries added by HostAliases.\n" + "".join(lines) if lines else "")


def resolv_conf(system: str, policy: str, config: Obj) -> str:
    """The machine's, unless the policy is None, with what the pod's dnsConfig adds."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in system.splitlines() if policy != "None" else []:
        word, _, rest = line.strip().partition(" ")
        if word == "nameserver":
            servers.append(rest.strip())
        elif word in ("search", "domain"):
            searches = rest.split()
        elif word == "options":
            options = rest.split()
    servers = list(dict.fromkeys([*servers, *(config.get("nameservers") or [])]))
    searches = list(dict.fromkeys([*searches, *(config.get("searches") or [])]))
    for option in config.get("options") or []:
        name, value = option["name"], option.get("value")
        options = [o for o in options if o.partition(":")[0] != name] + [f"{name}:{value}" if value else name]
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {s}" for s in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(f"{line}\n" for line in lines)


def write(pod: Obj, folder: Path, ip: str, hostname: str, taken: Iterable[str]) -> tuple[Mount, ...]:
    """Make the files in the pod's folder; mounts for those whose place is not taken by a volume. Raises OSError."""
    spec = pod["spec"]
    contents = {
        "/etc/hostname": hostname + "\n",
        "/etc/resolv.conf": resolv_conf(
            _system_resolv_conf(), spec.get("dnsPolicy") or "ClusterFirst", spec.get("dnsConfig") or {}
        ),
    }
    if not spec.get("hostNetwork"):
        domain = f"{spec['subdomain']}.{namespace(pod)}.svc.cluster.local" if spec.get("subdomain") else ""
        contents["/etc/hosts"] = hosts(ip, hostname, domain, spec.get("hostAliases") or [])
    out = []
    for place, text in contents.items():
        path = folder / place.lstrip("/").replace("/", "-")
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o644)
        if place not in taken:
            out.append(Mount(str(path), place))
    return tuple(out)


def _system_resolv_conf() -> str:
    try:
        return Path("/etc/resolv.conf").read_text()
    except OSError:
        return ""
