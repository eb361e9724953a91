"""The Node condition that says where NetworkPolicies do not hold, for the nodes of the cluster network.

A node on which they hold has no such condition, or, once they did not, one that is True. Of nodes whose pods share the
machine's network the kubelet says it itself (`kubelet/node.py`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from minikctl.api.meta import Obj, find_condition, name, timestamp
from minikctl.client import Client
from minikctl.util.clock import Clock, SystemClock

TYPE = "NetworkPolicyEnforced"
"""The kubelet's, too."""
ENFORCED = ("True", "RulesInKernel", "NetworkPolicies are enforced by nftables")
SIMULATED = "simulated://"
ONLY_SERVICES = (
    "NetworkPolicies hold for connections through Services only, and pods reach nothing outside of the cluster"
)


class NodeConditions:
    """network: where the InternalIPs of nodes of the cluster network are. why: why nftables cannot be used, "" when it
    can."""

    def __init__(self, client: Client, network: str, why: str, clock: Clock | None = None):
        self._client, self._network = client, ipaddress.IPv4Network(network)
        self._wanted = ("False", "NoNftables", f"{ONLY_SERVICES}: {why}") if why else ENFORCED
        self._clock = clock or SystemClock()

    def lacks(self, node: Obj) -> bool:
        """Whether there is something to tell of a node. Pure."""
        status = node.get("status") or {}
        runtime = (status.get("nodeInfo") or {}).get("containerRuntimeVersion") or ""
        if SIMULATED in runtime or not any(self._is_ours(a) for a in status.get("addresses") or []):
            return False
        there = find_condition(status.get("conditions") or [], TYPE)
        if there is None:
            return self._wanted is not ENFORCED
        return (there.get("status"), there.get("reason"), there.get("message")) != self._wanted

    def _is_ours(self, address: Obj) -> bool:
        found = address.get("address", "")
        return address.get("type") == "InternalIP" and ":" not in found and ipaddress.ip_address(found) in self._network

    def tell(self, nodes: Iterable[Obj]) -> None:
        """Write it where it is lacking. Raises ApiError."""
        for node in filter(self.lacks, nodes):
            now = timestamp(self._clock.now())
            status, reason, message = self._wanted
            there = find_condition((node.get("status") or {}).get("conditions") or [], TYPE) or {}
            since = there.get("lastTransitionTime", now) if there.get("status") == status else now
            condition = {
                "type": TYPE,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since,
                "reason": reason,
                "message": message,
            }
            change = {"status": {"conditions": [condition]}}
            self._client.patch("nodes", name(node), change, patch_type="strategic", subresource="status")
