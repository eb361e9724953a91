"""A pod's namespaces from within: what its first process does before it becomes the pause program."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from minikctl.runtime.network import namespaces, pause
from minikctl.runtime.network.addresses import LINK
from minikctl.runtime.network.rtnetlink import Netlink

INTERFACE = "eth0"


@dataclass(frozen=True, slots=True)
class Pod:
    """What the network makes for a pod. `id` is the sandbox's; `gateway` is the address from which its node speaks to
    it. With host_network it has no interface of its own and is on the router. `environment` is the pause process'."""

    id: str
    ip: str
    gateway: str
    hostname: str
    host_network: bool = False
    share_processes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)


def link_name(pod_id: str) -> str:
    """The router's end of a pod's link."""
    return f"veth{pod_id[:11]}"


def become(wanted: Pod, router: Netlink, router_namespace: int, program: Path | None, report: int) -> NoReturn:
    """In the forked child, in the pod's new namespaces. `router` speaks for the router's namespace. A failure is
    written to `report`, which otherwise closes with the start of the program."""
    try:
        namespaces.end_with_parent()
        signal.set_wakeup_fd(-1)
        os.setsid()
        socket.sethostname(wanted.hostname)
        if not wanted.host_network:
            _connect(wanted, router, router_namespace)
        for title, value in wanted.sysctls.items():
            namespaces.set_kernel(title, value)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel then buries the orphans of a shared PID namespace
        pause.execute(program, dict(wanted.environment))
    except BaseException as e:
        text = getattr(e, "strerror", "") or repr(e)
        os.write(report, text.encode()[:1000])
    os._exit(1)


def _connect(wanted: Pod, router: Netlink, router_namespace: int) -> None:
    """An address, a way out, a way in; all ports free."""
    namespaces.set_network("ipv6/conf/default/disable_ipv6", "1", needed=False)
    namespaces.set_network("ipv4/ip_unprivileged_port_start", "0")
    if not namespaces.set_network("ipv4/ping_group_range", "0 2147483647", needed=False):
        namespaces.set_network("ipv4/ping_group_range", "0 0", needed=False)  # a user namespace with one group
    own, outer = Netlink(), link_name(wanted.id)
    own.up("lo")
    own.add_pair(INTERFACE, outer, router_namespace)
    number = socket.if_nametoindex(INTERFACE)
    own.add_address(number, wanted.ip)
    own.up(INTERFACE)
    own.add_route(f"{LINK}/32", number)
    own.add_route("0.0.0.0/0", number, via=LINK)
    router.up(outer)
    router.add_route(f"{wanted.ip}/32", router.index_of(outer), source=wanted.gateway)
