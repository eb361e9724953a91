"""Machines as clouds rent them: their cores and memory, how many pods they take, and what the cloud keeps for itself.

How many pods: on EKS the addresses that the machine's network interfaces can carry, `interfaces × (addresses − 1) + 2`
(amazon-vpc-cni-k8s, eni-max-pods.txt); on GKE 110; on AKS 250 (Azure CNI overlay, its default).
What is kept: each cloud's formula for kube-reserved and the eviction threshold; the rest is the node's allocatable.
Sources: EKS AMI bootstrap.sh; GKE "Plan node sizes"; AKS "Node resource reservations".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INSTANCE_TYPE, REGION, ZONE = (
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)
EKS, GKE, AKS = "EKS", "GKE", "AKS"
PLACES = {EKS: ("us-east-1", "us-east-1a"), GKE: ("us-central1", "us-central1-a"), AKS: ("eastus", "eastus-1")}
"""Where a machine is, when nothing else is said: region and zone."""
_MI = 1 << 20


@dataclass(frozen=True, slots=True)
class Preset:
    """`memory` in MiB; `interfaces` and `addresses` (of each) are EKS' own."""

    name: str
    cloud: str
    cpu: int
    memory: int
    interfaces: int = 0
    addresses: int = 0

    @property
    def pods(self) -> int:
        if self.cloud == EKS:
            return self.interfaces * (self.addresses - 1) + 2
        return 110 if self.cloud == GKE else 250

    @property
    def reserved_cpu(self) -> int:
        """In thousandths of a core."""
        if self.cloud == AKS:
            steps = ((1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740))
            return next((m for cores, m in steps if self.cpu <= cores), 740)
        shares = [60, 10, 5, 5]  # 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest
        return int(sum(shares[: self.cpu]) + 2.5 * max(0, self.cpu - 4))

    @property
    def reserved_memory(self) -> int:
        """In MiB, with the eviction threshold of 100 MiB."""
        if self.cloud == EKS:
            return 255 + 11 * self.pods + 100
        if self.cloud == AKS:  # from 1.29 on: 20 MB a pod and 50 MB, at most a quarter
            return min(20 * self.pods + 50, self.memory // 4) + 100
        if self.memory < 1024:
            return 255 + 100
        kept, left = 0.0, self.memory
        for size, share in ((4096, 0.25), (4096, 0.20), (8192, 0.10), (114688, 0.06), (1 << 40, 0.02)):
            kept += min(left, size) * share
            left -= min(left, size)
        return int(kept) + 100

    def labels(self, zone: str = "") -> dict[str, str]:
        region, usual = PLACES[self.cloud]
        given = {ZONE: zone or usual}
        if not zone or zone.startswith(region):
            given[REGION] = region
        return {INSTANCE_TYPE: self.name, "beta.kubernetes.io/instance-type": self.name, **given}

    def settings(self, zone: str = "") -> dict[str, Any]:
        """What cluster.json says of such a node."""
        return {
            "cpu": str(self.cpu),
            "memory": f"{self.memory}Mi",
            "pods": self.pods,
            "labels": self.labels(zone),
            "reserved": {"cpu": f"{self.reserved_cpu}m", "memory": f"{self.reserved_memory}Mi"},
            "preset": self.name,
        }


_EKS = (
    ("t3.nano", 2, 512, 2, 2),
    ("t3.micro", 2, 1024, 2, 2),
    ("t3.small", 2, 2048, 3, 4),
    ("t3.medium", 2, 4096, 3, 6),
    ("t3.large", 2, 8192, 3, 12),
    ("t3.xlarge", 4, 16384, 4, 15),
    ("t3.2xlarge", 8, 32768, 4, 15),
    ("m5.large", 2, 8192, 3, 10),
    ("m5.xlarge", 4, 16384, 4, 15),
    ("m5.2xlarge", 8, 32768, 4, 15),
    ("m5.4xlarge", 16, 65536, 8, 30),
    ("c5.large", 2, 4096, 3, 10),
    ("c5.xlarge", 4, 8192, 4, 15),
    ("c5.2xlarge", 8, 16384, 4, 15),
    ("r5.large", 2, 16384, 3, 10),
    ("r5.xlarge", 4, 32768, 4, 15),
)
_GKE = (
    ("e2-micro", 2, 1024),
    ("e2-small", 2, 2048),
    ("e2-medium", 2, 4096),
    ("e2-standard-2", 2, 8192),
    ("e2-standard-4", 4, 16384),
    ("e2-standard-8", 8, 32768),
    ("n1-standard-1", 1, 3840),
    ("n2-standard-2", 2, 8192),
    ("n2-standard-4", 4, 16384),
)
_AKS = (
    ("Standard_B2s", 2, 4096),
    ("Standard_B2ms", 2, 8192),
    ("Standard_B4ms", 4, 16384),
    ("Standard_D2s_v3", 2, 8192),
    ("Standard_D4s_v3", 4, 16384),
    ("Standard_D8s_v3", 8, 32768),
    ("Standard_DS2_v2", 2, 7168),
    ("Standard_E2s_v3", 2, 16384),
)
PRESETS = {
    preset.name: preset
    for preset in (
        *(Preset(name, EKS, cpu, memory, enis, ips) for name, cpu, memory, enis, ips in _EKS),
        *(Preset(name, GKE, cpu, memory) for name, cpu, memory in _GKE),
        *(Preset(name, AKS, cpu, memory) for name, cpu, memory in _AKS),
    )
}
