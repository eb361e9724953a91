"""ttl-after-finished-controller: deletes Jobs some time after they have ended (spec.ttlSecondsAfterFinished).

Source: Kubernetes `pkg/controller/ttlafterfinished`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, condition, condition_is, is_deleting, name, namespace, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller


class TTLAfterFinishedController(Controller):
    name = "ttl-after-finished-controller"

    def setup(self) -> None:
        self.jobs = self.watch(
            "jobs.batch", self._look, on_update=lambda _old, new: self._look(new), on_delete=lambda _job: None
        )

    def _look(self, job: Obj) -> None:
        if expires_in(job, self.clock.now()) is not None:
            self.enqueue(job)

    def sync(self, object_key: str) -> float | None:
        job = self.jobs.by_key(object_key)
        left = expires_in(job, self.clock.now()) if job is not None else None
        if job is None or left is None or left > 0:
            return left
        fresh = self.client.get(self.jobs.kind, name(job), namespace(job))  # its time may just have been changed
        left = expires_in(fresh, self.clock.now())
        if left is None or left > 0:
            return left
        options = DeleteOptions(propagation="Foreground", uid=uid(fresh))
        try:
            self.client.delete(self.jobs.kind, name(job), namespace(job), options=options)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
        return None


def expires_in(job: Obj, now: datetime) -> float | None:
    """Seconds until the Job is to be deleted, 0 or less when it is; None when it is not to be."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None or is_deleting(job):
        return None
    for kind in ("Complete", "Failed"):
        if condition_is(job, kind):
            ended = (condition(job, kind) or {}).get("lastTransitionTime")
            if ended:
                return (parse_time(ended) + timedelta(seconds=int(seconds)) - now).total_seconds()
    return None


CONTROLLER = TTLAfterFinishedController
