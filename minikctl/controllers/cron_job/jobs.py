"""The Jobs of a CronJob: how they are made, which of them are old. Pure. Source: `pkg/controller/cronjob/utils.go`."""

from __future__ import annotations

from datetime import datetime

from minikctl.api import cron
from minikctl.api.meta import Obj, Objects, condition_is, is_deleting, name, namespace, owner_reference, uid

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def job_name(cron_job: Obj, scheduled: datetime) -> str:
    """The same for the same time, so that trying twice makes one. The number is minutes since 1970."""
    return f"{name(cron_job)}-{int(scheduled.timestamp()) // 60}"


def job(cron_job: Obj, scheduled: datetime) -> Obj:
    template = cron_job["spec"].get("jobTemplate") or {}
    given = template.get("metadata") or {}
    zone = cron.zone_of(cron_job["spec"].get("timeZone") or "")
    shown = scheduled.astimezone(zone).isoformat().replace("+00:00", "Z")
    metadata: Obj = {"name": job_name(cron_job, scheduled), "namespace": namespace(cron_job)}
    if given.get("labels"):
        metadata["labels"] = dict(given["labels"])
    metadata["annotations"] = {**(given.get("annotations") or {}), SCHEDULED_AT: shown}
    metadata["ownerReferences"] = [owner_reference(cron_job)]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template.get("spec") or {}}


def finished(found: Obj) -> str:
    """Complete or Failed; "" while it runs."""
    return next((kind for kind in ("Complete", "Failed") if condition_is(found, kind)), "")


def reference(found: Obj) -> Obj:
    """What status.active holds."""
    return {
        "kind": "Job",
        "namespace": namespace(found),
        "name": name(found),
        "uid": uid(found),
        "apiVersion": "batch/v1",
        "resourceVersion": found["metadata"]["resourceVersion"],
    }


def beyond_limits(cron_job: Obj, mine: Objects) -> Objects:
    """Finished Jobs that are more than the history limits allow, the oldest of either sort."""
    doomed: Objects = []
    for kind, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
        limit = cron_job["spec"].get(field)
        if limit is None:
            continue
        ended = sorted((j for j in mine if finished(j) == kind), key=_started)
        doomed += ended[: max(len(ended) - int(limit), 0)]
    return [j for j in doomed if not is_deleting(j)]


def _started(found: Obj) -> tuple[bool, str, str]:
    start = (found.get("status") or {}).get("startTime") or ""
    return (not start, start, name(found))
