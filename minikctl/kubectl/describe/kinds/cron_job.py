"""CronJob."""

from minikctl.api.meta import Obj
from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import rfc1123, yes_no
from minikctl.kubectl.describe.writer import Writer

GROUP = "batch"


def describe(about: Subject, w: Writer) -> None:
    cron_job = about.obj
    spec, status = cron_job["spec"], cron_job.get("status") or {}
    metadata.head(w, cron_job)
    w.field(0, "Schedule", spec.get("schedule", ""))
    w.field(0, "Concurrency Policy", spec.get("concurrencyPolicy", ""))
    w.field(0, "Suspend", yes_no(spec.get("suspend")))
    w.field(0, "Time Zone", _or_unset(spec.get("timeZone")))
    w.field(0, "Successful Job History Limit", _or_unset(spec.get("successfulJobsHistoryLimit")))
    w.field(0, "Failed Job History Limit", _or_unset(spec.get("failedJobsHistoryLimit")))
    w.field(0, "Starting Deadline Seconds", _or_unset(spec.get("startingDeadlineSeconds"), "s"))
    _job_template((spec.get("jobTemplate") or {}).get("spec") or {}, w)
    last = status.get("lastScheduleTime")
    w.field(0, "Last Schedule Time", rfc1123(last) if last else "<unset>")
    active = [j.get("name", "") for j in status.get("active") or []]
    w.field(0, "Active Jobs", ", ".join(active) or "<none>")
    about.events(w)


def _or_unset(value: object, unit: str = "") -> str:
    return "<unset>" if value is None else f"{value}{unit}"


def _job_template(spec: Obj, w: Writer) -> None:
    selector = spec.get("selector")
    w.field(0, "Selector", "<unset>" if selector is None else from_label_selector(selector))
    w.field(0, "Parallelism", _or_unset(spec.get("parallelism")))
    w.field(0, "Completions", _or_unset(spec.get("completions")))
    if spec.get("activeDeadlineSeconds") is not None:
        w.field(0, "Active Deadline Seconds", f"{spec['activeDeadlineSeconds']}s")
    pod_template(spec.get("template"), w)
