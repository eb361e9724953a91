"""CronJob: a Job at every time that its schedule names. Source: Kubernetes `pkg/registry/batch/cronjob/strategy.go`."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj
from minikctl.api.workload import CONTAINERS, IMAGES, SELECTOR, template_cells


def _job(obj: Obj) -> Obj:
    job: Obj = ((obj.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
    return job


def default(obj: Obj) -> None:
    from minikctl.api.kinds.job import default_failure_policy
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    template = spec["jobTemplate"] = spec.get("jobTemplate") or {}
    job = template["spec"] = template.get("spec") or {}
    default_template(job.setdefault("template", {}))
    default_failure_policy(job)
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import job

    is_new = not obj["metadata"].get("resourceVersion")
    return job.validate_cron_job(obj) if is_new else []


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    """What was valid once, a zone in the schedule or a long name, may stay."""
    from minikctl.api.validation import job

    return job.validate_cron_job(obj, old)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api import pod_warnings

    texts = pod_warnings.of_template(_job(obj).get("template"), "spec.jobTemplate.spec.template")
    if "TZ" in ((obj.get("spec") or {}).get("schedule") or ""):
        texts.append(
            "CRON_TZ or TZ used in spec.schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    return texts


def row(obj: Obj, now: datetime) -> list[Cell]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    suspend, last = spec.get("suspend"), status.get("lastScheduleTime")
    return [
        obj["metadata"]["name"],
        spec.get("schedule") or "",
        "<none>" if spec.get("timeZone") is None else spec["timeZone"],
        "<unset>" if suspend is None else str(bool(suspend)),
        len(status.get("active") or []),
        since(last, now) if last else "<none>",
        since(obj["metadata"].get("creationTimestamp"), now),
        *template_cells(_job(obj)),
    ]


KIND = Kind(
    group="batch",
    version="v1",
    kind="CronJob",
    plural="cronjobs",
    type="batch/v1.CronJob",
    short_names=("cj",),
    categories=("all",),
    subresources=("status",),
    has_generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Schedule", description="When it runs, in cron's notation."),
        Column("Timezone", description="The zone of the schedule's times."),
        Column("Suspend", "boolean", description="Whether it makes no Jobs at present."),
        Column("Active", "integer", description="Jobs that run now."),
        Column("Last Schedule", description="When it last made a Job."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    row=row,
)
