"""Why no node will do, in Kubernetes' words: the message of FailedScheduling events and of the PodScheduled condition.

0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims to deallocate, preemption:
0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from minikctl.scheduler.framework import Status

NO_NODES = "no nodes available to schedule pods"


@dataclass
class Diagnosis:
    """What the search found. `statuses` are by node name, for the nodes looked at; `absent` speaks for the others."""

    nodes: int
    statuses: Mapping[str, Status] = field(default_factory=dict)
    absent: str = ""
    pre_filter: str = ""
    post_filter: str = ""

    @property
    def plugins(self) -> frozenset[str]:
        """Who rejected the pod."""
        return frozenset(s.plugin for s in self.statuses.values() if s.plugin)

    def message(self) -> str:
        if not self.nodes:
            return NO_NODES
        text = f"0/{self.nodes} nodes are available:"
        if self.pre_filter:
            text += f" {self.pre_filter}."
        elif reasons := self._reasons():
            text += f" {', '.join(reasons)}."
        return f"{text} {self.post_filter}" if self.post_filter else text

    def _reasons(self) -> list[str]:
        """`1 Insufficient cpu`, sorted as text."""
        counts = Counter(reason for status in self.statuses.values() for reason in status.reasons)
        if self.absent and len(self.statuses) < self.nodes:
            counts[self.absent] += self.nodes - len(self.statuses)
        return sorted(f"{count} {reason}" for reason, count in counts.items())


class FitError(Exception):
    """No node fits the pod. `nominated` is the node on which room is being made for it; `""`: on none; None: as before."""

    def __init__(self, diagnosis: Diagnosis, plugins: frozenset[str], nominated: str | None = None):
        super().__init__(diagnosis.message())
        self.diagnosis, self.plugins, self.nominated = diagnosis, plugins, nominated
