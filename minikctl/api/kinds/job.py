"""Job: pods that run until enough of them have succeeded. Source: Kubernetes `pkg/registry/batch/job/strategy.go`."""

from datetime import datetime

from minikctl.api.durations import human, parse_time, since
from minikctl.api.errors import FieldError
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, condition_is, is_deleting, labels_of
from minikctl.api.workload import CONTAINERS, IMAGES, SELECTOR, count, template_cells, template_warnings

CONTROLLER_UID, JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
OLD_CONTROLLER_UID, OLD_JOB_NAME = "controller-uid", "job-name"
_NO_BACKOFF_LIMIT = 2**31 - 1


def default_failure_policy(spec: Obj) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or []:
        for pattern in rule.get("onPodConditions") or []:
            pattern["status"] = pattern.get("status") or "True"


def default(obj: Obj) -> None:
    from minikctl.api.pod_defaults import default_template

    spec = obj["spec"] = obj.get("spec") or {}
    default_template(spec.setdefault("template", {}))
    default_failure_policy(spec)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else _NO_BACKOFF_LIMIT)
    _default_labels(obj)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    replacement = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
    spec.setdefault("podReplacementPolicy", replacement)
    spec.setdefault("manualSelector", False)


def _default_labels(obj: Obj) -> None:
    labels = labels_of(obj["spec"]["template"])
    if labels and not labels_of(obj):
        obj["metadata"] = {**(obj.get("metadata") or {}), "labels": dict(labels)}


def prepare_for_create(obj: Obj) -> None:
    """Pods are selected by the Job's own uid, unless its author takes care of the selector."""
    spec = obj["spec"]
    if spec.get("manualSelector"):
        return
    uid, name = obj["metadata"]["uid"], obj["metadata"].get("name", "")
    generated = {CONTROLLER_UID: uid, JOB_NAME: name, OLD_CONTROLLER_UID: uid, OLD_JOB_NAME: name}
    template = spec["template"]
    labels = dict(sorted({**generated, **labels_of(template)}.items()))
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = spec.get("selector") or {}
    spec["selector"] = {**selector, "matchLabels": {CONTROLLER_UID: uid, **(selector.get("matchLabels") or {})}}
    _default_labels(obj)


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import job

    return job.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import job

    return job.validate_update(obj, old)


def validate_status_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import job

    return job.validate_status(obj, old)


def status_word(obj: Obj) -> str:
    """The STATUS column."""
    for kind in ("Complete", "Failed"):
        if condition_is(obj, kind):
            return kind
    if is_deleting(obj):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget"):
        if condition_is(obj, kind):
            return kind
    return "Running"


def completions(obj: Obj) -> str:
    """`1/3`, or `0/1 of 2` for a Job whose workers decide among themselves."""
    spec, done = obj.get("spec") or {}, count(obj, "succeeded")
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    parallelism = int(spec.get("parallelism") or 0)
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def duration(obj: Obj, now: datetime) -> str:
    """How long it has run, or ran; "" before it starts."""
    status = obj.get("status") or {}
    if not status.get("startTime"):
        return ""
    end = parse_time(status["completionTime"]) if status.get("completionTime") else now
    return human((end - parse_time(status["startTime"])).total_seconds())


def row(obj: Obj, now: datetime) -> list[Cell]:
    return [
        obj["metadata"]["name"],
        status_word(obj),
        completions(obj),
        duration(obj, now),
        since(obj["metadata"].get("creationTimestamp"), now),
        *template_cells(obj.get("spec") or {}),
    ]


KIND = Kind(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    type="batch/v1.Job",
    categories=("all",),
    subresources=("status",),
    has_generation=True,
    default=default,
    prepare_for_create=prepare_for_create,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    warnings=template_warnings,
    selectable_fields=lambda obj: {"status.successful": str(count(obj, "succeeded"))},
    columns=(
        NAME,
        Column("Status", description="Running, or how it ended."),
        Column("Completions", description="Pods that succeeded, of those wanted."),
        Column("Duration", description="How long it took, or has taken so far."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    row=row,
)
