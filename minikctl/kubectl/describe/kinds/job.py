"""Job."""

from minikctl.api.durations import human, parse_time
from minikctl.api.meta import Obj
from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import go, rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = "batch"
INDEXES_SHOWN = 50


def describe(about: Subject, w: Writer) -> None:
    job = about.obj
    spec = job["spec"]
    w.field(0, "Name", job["metadata"]["name"])
    w.field(0, "Namespace", job["metadata"].get("namespace", ""))
    w.field(0, "Selector", from_label_selector(spec.get("selector")))
    metadata.labels_and_annotations(w, job)
    metadata.controlled_by(w, job)
    if spec.get("parallelism") is not None:
        w.field(0, "Parallelism", spec["parallelism"])
    w.field(0, "Completions", spec.get("completions") if spec.get("completions") is not None else "<unset>")
    for title, field in (
        ("Completion Mode", "completionMode"),
        ("Suspend", "suspend"),
        ("Backoff Limit", "backoffLimit"),
        ("TTL Seconds After Finished", "ttlSecondsAfterFinished"),
    ):
        if spec.get(field) is not None:
            w.field(0, title, go(spec[field]))
    _progress(job, w)
    pod_template(spec.get("template"), w)
    about.events(w)


def _progress(job: Obj, w: Writer) -> None:
    spec, status = job["spec"], job.get("status") or {}
    start, end = status.get("startTime"), status.get("completionTime")
    if start:
        w.field(0, "Start Time", rfc1123(start))
    if end:
        w.field(0, "Completed At", rfc1123(end))
    if start and end:
        w.field(0, "Duration", human((parse_time(end) - parse_time(start)).total_seconds()))
    if spec.get("activeDeadlineSeconds") is not None:
        w.field(0, "Active Deadline Seconds", f"{spec['activeDeadlineSeconds']}s")
    ready = f" ({status['ready']} Ready)" if status.get("ready") is not None else ""
    active = f"{status.get('active', 0)} Active{ready}"
    w.field(0, "Pods Statuses", f"{active} / {status.get('succeeded', 0)} Succeeded / {status.get('failed', 0)} Failed")
    if spec.get("completionMode") == "Indexed":
        w.field(0, "Completed Indexes", indexes(status.get("completedIndexes", "")))


def indexes(text: str) -> str:
    """Cut at the first comma after 50 characters."""
    if not text:
        return "<none>"
    cut = text.find(",", INDEXES_SHOWN)
    return text if cut < 0 else text[: cut + 1] + "..."
