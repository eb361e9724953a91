"""Creating and deleting pods on behalf of a workload, with the Events that tell of it.

Source: Kubernetes `pkg/controller/controller_utils.go` (RealPodControl, slowStartBatch).
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, namespace, owner_reference
from minikctl.api.names import dns_subdomain
from minikctl.client import Client
from minikctl.client.events import EventRecorder


def pod_from_template(template: Obj, owner: Obj, generate_name: str = "") -> Obj:
    """A new pod as the template says, controlled by the owner, its name to be generated (from the owner's)."""
    given = template.get("metadata", {})
    metadata: Obj = {"generateName": generate_name or _prefix(name(owner))}
    metadata |= {f: given[f] for f in ("labels", "annotations", "finalizers") if given.get(f)}
    metadata["ownerReferences"] = [owner_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec", {})}


def _prefix(owner: str) -> str:
    """`web-`, or the name alone where a dash would make it too long."""
    return owner if dns_subdomain(f"{owner}-x") else f"{owner}-"


class PodControl:
    """Writes pods for one controller."""

    def __init__(self, client: Client, recorder: EventRecorder):
        self._client, self._recorder = client, recorder

    def create(self, owner: Obj, template: Obj, generate_name: str = "") -> Obj:
        """Raises ApiError; one that says that the namespace is being deleted is not worth an Event."""
        try:
            pod = self._client.create("pods", pod_from_template(template, owner, generate_name), namespace(owner))
        except ApiError as e:
            if not is_namespace_terminating(e):
                self._recorder.warning(owner, "FailedCreate", f"Error creating: {e.message}")
            raise
        self._recorder.normal(owner, "SuccessfulCreate", f"Created pod: {name(pod)}")
        return pod

    def delete(self, owner: Obj, pod_name: str) -> None:
        """Raises ApiError, NotFound when somebody else was faster."""
        try:
            self._client.delete("pods", pod_name, namespace(owner))
        except ApiError as e:
            if e.reason != "NotFound":
                self._recorder.warning(owner, "FailedDelete", f"Error deleting: {e.message}")
            raise
        self._recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {pod_name}")


def is_namespace_terminating(error: ApiError) -> bool:
    """True when a create was refused because the namespace is going away: trying again is of no use."""
    return any(c.get("reason") == "NamespaceTerminating" for c in error.details.get("causes") or [])


def slow_start(count: int, work: Callable[[], None]) -> tuple[int, ApiError | None]:
    """Do the work `count` times, in batches of 1, 2, 4 …; stop after a batch in which something failed.

    Returns how many succeeded and the first error. A pod that can never be created (quota, bad template) is so tried
    once, not `count` times.
    """
    done, batch = 0, 1
    while done < count:
        failed: ApiError | None = None
        size = min(batch, count - done)
        succeeded = 0
        for _ in range(size):
            try:
                work()
                succeeded += 1
            except ApiError as e:
                failed = failed or e
        done += succeeded
        if failed is not None:
            return done, failed
        batch *= 2
    return done, None
