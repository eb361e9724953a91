"""What the kubelet remembers of one pod between two syncs."""

from __future__ import annotations

from dataclasses import dataclass, field

from minikctl.api.meta import Obj, get_path
from minikctl.api.scheduling import Amounts, pod_requests
from minikctl.kubelet.resize import Allotted, Behind, Progress, with_allotted
from minikctl.kubelet.status import TERMINAL
from minikctl.kubelet.volumes import Mounted


@dataclass
class PodRecord:
    """What the kubelet remembers of one pod between two syncs."""

    pod: Obj
    gone: bool = False
    """The object was taken away: stop what runs, there is no status to write."""
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    held: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Container → (hash of its spec, monotonic time) before which it is not tried again."""
    stopping: dict[str, float] = field(default_factory=dict)
    """Container id → the grace period that it was given."""
    restarting: set[str] = field(default_factory=set)
    announced: dict[str, str] = field(default_factory=dict)
    """Container → the run of it whose back-off has been told of."""
    failure: tuple[str, str] = ("", "")
    mounted: dict[str, Mounted] = field(default_factory=dict)
    """The pod's volumes by name, once they are set up."""
    allotted: Allotted | None = None
    """What its containers have of the node; None before it is looked at for the first time."""
    pending_resize: tuple[str, str] = ("", "")
    """(Deferred or Infeasible, message) of a wish that is not granted."""
    resizing: Progress | None = None
    behind: dict[str, Behind] = field(default_factory=dict)
    """Container → the run of it that has not got yet what it is allotted."""
    resized: set[str] = field(default_factory=set)
    """Ids of containers that are to be restarted for their new resources."""
    grace: float | None = None
    """Seconds that the containers get, where the pod's own grace period does not count."""
    disruption: str = ""
    """Why the node ends a pod that would have run on."""
    makes_room_for: set[str] = field(default_factory=set)
    """The uids of critical pods that wait for the end of this one."""
    awaits: set[str] = field(default_factory=set)
    """The uids of the pods that this one displaces: it starts when they have ended."""
    admitted: bool = False
    """This agent has let it in; one before it may have, too: then its containers have statuses."""
    _requests: tuple[Allotted | None, Amounts] | None = None

    @property
    def holds_resources(self) -> bool:
        if self.gone or get_path(self.pod, "status", "phase") in TERMINAL:
            return False
        return self.admitted or bool(get_path(self.pod, "status", "containerStatuses"))

    def requests(self) -> Amounts:
        """What it takes of the node. Counted again when its containers were allotted something else."""
        if self._requests is None or self._requests[0] is not self.allotted:
            allotted = with_allotted(self.pod, self.allotted or {})
            self._requests = (self.allotted, pod_requests(allotted["spec"]))
        return self._requests[1]
