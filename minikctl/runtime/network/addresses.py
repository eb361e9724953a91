"""Who has which address in the cluster network. Pure.

Pods have the addresses of their node's range. A node has two: its InternalIP, and the first address of its range, from
which its kubelet speaks to the pods. Both are on the router's loopback interface.
"""

from __future__ import annotations

LINK = "169.254.1.1"
"""Where every pod sends what is not for itself; it is answered for on each pod's link."""
CONTROL_PLANE = "172.18.0.1"
"""The address of the machine itself: what runs beside the nodes, first of all the API server."""


def pod_range(index: int) -> str:
    """A node's range of pod addresses; nodes are numbered from 1."""
    return f"10.{244 + index // 256}.{index % 256}.0/24"


def gateway(cidr: str) -> str:
    """The first address of a node's range."""
    return cidr.rpartition(".")[0] + ".1"


def node_address(index: int) -> str:
    """A node's InternalIP."""
    number = index + 1
    return f"172.18.{number // 256}.{number % 256}"
