"""Writing pod statuses: only when they differ, past other writers, and never onto another pod of the same name."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, name, namespace, uid
from minikctl.client import Client, DeleteOptions
from minikctl.kubelet.manifests import MIRROR
from minikctl.kubelet.status import merge

_TRIES = 5


class StatusWriter:
    """One a node. Remembers what it wrote, because the cache of pods is a moment behind."""

    def __init__(self, client: Client):
        self._client = client
        self._written: dict[str, Obj] = {}

    def write(self, pod: Obj, computed: Obj) -> None:
        """Bring the stored status to `computed`. Raises ApiError; a pod that is gone is no error."""
        stored = pod.get("status") or {}
        last = self._written.get(uid(pod))
        if (last is None or last == computed) and merge(stored, computed) == stored:
            return
        for attempt in range(_TRIES):
            fresh = self._fresh(pod)
            if fresh is None:
                return
            stored = fresh.get("status") or {}
            wanted = merge(stored, computed)
            if wanted == stored:
                break
            try:
                self._client.update("pods", {**fresh, "status": wanted}, subresource="status")
                break
            except ApiError as e:
                if e.reason != "Conflict" or attempt == _TRIES - 1:
                    if e.reason == "NotFound":
                        return
                    raise
        self._written[uid(pod)] = computed

    def delete(self, pod: Obj) -> None:
        """The last act for a pod that was being deleted: take the object away."""
        fresh = self._fresh(pod)
        pod = fresh if fresh is not None else pod
        options = DeleteOptions(grace_period=0, uid=uid(pod))
        try:
            self._client.delete("pods", name(pod), namespace(pod), options=options)
        except ApiError as e:
            if e.reason not in ("NotFound", "Conflict"):
                raise

    def doubt(self, pod_uid: str) -> None:
        """What was written may not be there any more: have the next status compared with what is stored."""
        self._written[pod_uid] = {}

    def forget(self, pod_uid: str) -> None:
        self._written.pop(pod_uid, None)

    def _fresh(self, pod: Obj) -> Obj | None:
        try:
            fresh = self._client.get("pods", name(pod), namespace(pod))
        except ApiError as e:
            if e.reason == "NotFound":
                return None
            raise
        return fresh if uid(fresh) == uid(pod) or annotations_of(fresh).get(MIRROR) == uid(pod) else None
