"""Jobs and CronJobs. Source: Kubernetes `pkg/apis/batch/validation`."""

from __future__ import annotations

import re
from typing import Any

from minikctl.api import cron
from minikctl.api.errors import field_invalid, field_invalid_whole, field_not_supported, field_required, field_too_long
from minikctl.api.kinds.job import CONTROLLER_UID, JOB_NAME, OLD_CONTROLLER_UID, OLD_JOB_NAME
from minikctl.api.meta import Obj, condition_is, labels_of
from minikctl.api.names import dns_label
from minikctl.api.validation import job_policies, label_selector, pod_spec
from minikctl.api.validation.common import (
    Errors,
    all_nonnegative,
    immutable,
    nonnegative,
    one_of,
)

INDEXED, NON_INDEXED = "Indexed", "NonIndexed"
_MAX_PARALLELISM = 100_000
_MANY_COMPLETIONS = 100_000
_MAX_FAILED_INDEXES, _MAX_FAILED_OF_MANY, _PARALLELISM_OF_MANY = 100_000, 10_000, 10_000
_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_RESTART = 'valid values: "OnFailure", "Never"'
_REPLACEMENT = ["Failed", "TerminatingOrFailed"]


# ---------------------------------------------------------------------- Job


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors = _generated_selector(obj) + _job_spec(spec)
    completions = spec.get("completions")
    if spec.get("completionMode") == INDEXED and completions:
        longest = f"{obj['metadata'].get('name', '')}-{completions - 1}"
        if dns_label(longest):
            why = f"will not able to create pod with invalid DNS label: {longest}"
            errors.append(field_invalid("metadata.name", obj["metadata"].get("name", ""), why))
    return errors


def _generated_selector(obj: Obj) -> Errors:
    spec, meta = obj.get("spec") or {}, obj["metadata"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    errors: Errors = []
    labels = labels_of(spec.get("template") or {})
    uid, name = meta.get("uid", ""), meta.get("name", "")
    expected = {OLD_CONTROLLER_UID: uid, OLD_JOB_NAME: name, CONTROLLER_UID: uid, JOB_NAME: name}
    for key, value in expected.items():
        at = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            errors.append(field_required(at, f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(field_invalid(at, labels, f"must be '{value}'"))
    chosen = label_selector.parsed(spec["selector"])
    if chosen is not None and not chosen.matches(expected):
        errors.append(field_invalid("spec.selector", spec["selector"], "`selector` not auto-generated"))
    return errors


def _job_spec(spec: Obj) -> Errors:
    errors = job_template(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        errors.append(field_required("spec.selector"))
    errors += label_selector.validate(selector, "spec.selector")
    labels = labels_of(spec.get("template") or {})
    chosen = label_selector.parsed(selector)
    if chosen is not None and not chosen.matches(labels):
        errors.append(field_invalid("spec.template.metadata.labels", labels or None, label_selector.MISMATCH))
    return errors


def job_template(spec: Obj, path: str) -> Errors:
    """A JobSpec, but for its selector: also the one inside a CronJob."""
    errors = all_nonnegative(spec, _NUMBERS, path)
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.append(field_required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    errors += _managed_by(spec.get("managedBy"), f"{path}.managedBy")
    errors += _completion_mode(spec, path)
    errors += job_policies.failure_policy(spec, f"{path}.podFailurePolicy")
    errors += job_policies.success_policy(spec, f"{path}.successPolicy")
    replacement = spec.get("podReplacementPolicy")
    allowed = ["Failed"] if spec.get("podFailurePolicy") is not None else _REPLACEMENT
    if replacement is not None and replacement not in allowed:
        errors.append(field_not_supported(f"{path}.podReplacementPolicy", replacement, allowed))
    errors += pod_spec.template(spec.get("template") or {}, f"{path}.template")
    return errors + _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _restart_policy(spec: Obj, path: str) -> Errors:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if policy in ("", "Always"):
        return [field_required(path, _RESTART)]
    if policy not in ("OnFailure", "Never"):
        return [field_not_supported(path, policy, ["OnFailure", "Never"])]
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        return [field_invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _managed_by(value: str | None, path: str) -> Errors:
    if value is None:
        return []
    errors: Errors = []
    if not value:
        errors.append(field_required(path))
    elif not re.fullmatch(r"[^/]+/.+", value):
        why = 'must be a domain-prefixed path (such as "acme.io/foo")'
        errors.append(field_invalid(path, value, why))
    if len(value) > 63:
        errors.append(field_too_long(path, 63))
    return errors


def _completion_mode(spec: Obj, path: str) -> Errors:
    mode = spec.get("completionMode")
    errors: Errors = []
    if mode not in (None, NON_INDEXED, INDEXED):
        errors.append(field_not_supported(f"{path}.completionMode", mode, [NON_INDEXED, INDEXED]))
    if mode == INDEXED:
        return errors + _indexed(spec, path)
    if mode in (None, NON_INDEXED):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                errors.append(field_invalid(f"{path}.{field}", spec[field], "requires indexed completion mode"))
    return errors


def _indexed(spec: Obj, path: str) -> Errors:
    completions, parallelism, failed = (spec.get(f) for f in ("completions", "parallelism", "maxFailedIndexes"))
    errors: Errors = []
    if completions is None:
        errors.append(field_required(f"{path}.completions", f"when completion mode is {INDEXED}"))
    if parallelism is not None and parallelism > _MAX_PARALLELISM:
        why = f"must be less than or equal to {_MAX_PARALLELISM} when completion mode is {INDEXED}"
        errors.append(field_invalid(f"{path}.parallelism", parallelism, why))
    at = f"{path}.maxFailedIndexes"
    if completions is not None and failed is not None and failed > completions:
        errors.append(field_invalid(at, failed, "must be less than or equal to completions"))
    if failed is not None and failed > _MAX_FAILED_INDEXES:
        errors.append(field_invalid(at, failed, f"must be less than or equal to {_MAX_FAILED_INDEXES}"))
    if completions is None or completions <= _MANY_COMPLETIONS or spec.get("backoffLimitPerIndex") is None:
        return errors
    many = f"when completions are above {_MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        errors.append(field_required(at, f"must be specified when completions is above {_MANY_COMPLETIONS}"))
    elif failed > _MAX_FAILED_OF_MANY:
        errors.append(field_invalid(at, failed, f"must be less than or equal to {_MAX_FAILED_OF_MANY} {many}"))
    if parallelism is not None and parallelism > _PARALLELISM_OF_MANY:
        why = f"must be less than or equal to {_PARALLELISM_OF_MANY} {many}"
        errors.append(field_invalid(f"{path}.parallelism", parallelism, why))
    return errors


def validate_update(obj: Obj, old: Obj) -> Errors:
    spec, before = obj["spec"], old["spec"]
    errors = validate(obj) + _completions_update(spec, before)
    errors += immutable(spec.get("selector"), before.get("selector"), "spec.selector")
    errors += _template_update(obj, old)
    for field in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        errors += immutable(spec.get(field), before.get(field), f"spec.{field}")
    return errors


def _completions_update(spec: Obj, before: Obj) -> Errors:
    """Indexed Jobs grow and shrink, by both numbers at once (KEP-3715)."""
    now, was = spec.get("completions"), before.get("completions")
    if spec.get("completionMode") != INDEXED:
        return immutable(now, was, "spec.completions")
    if now == was or now is None or now == spec.get("parallelism"):
        return []
    return [field_invalid("spec.completions", now, "can only be modified in tandem with spec.parallelism")]


def _template_update(obj: Obj, old: Obj) -> Errors:
    """The template is fixed; while a suspended Job has not started, where its pods may run can change (KEP-2926)."""
    template, before = obj["spec"].get("template") or {}, old["spec"].get("template") or {}
    if template == before:
        return []
    waiting = old["spec"].get("suspend") and not (old.get("status") or {}).get("startTime")
    if waiting and _without_directives(template) == _without_directives(before):
        return []
    return [field_invalid("spec.template", template, "field is immutable")]


def _without_directives(template: Obj) -> Obj:
    spec = dict(template.get("spec") or {})
    affinity = {k: v for k, v in (spec.pop("affinity", None) or {}).items() if k != "nodeAffinity"}
    for field in ("nodeSelector", "tolerations", "schedulingGates"):
        spec.pop(field, None)
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if k not in ("labels", "annotations")}
    return {**template, "metadata": metadata, "spec": spec, "affinity": affinity}


def validate_status(obj: Obj, old: Obj) -> Errors:
    status, before = obj.get("status") or {}, old.get("status") or {}
    errors = all_nonnegative(status, ("active", "succeeded", "failed", "ready", "terminating"), "status")
    complete, failed = condition_is(obj, "Complete"), condition_is(obj, "Failed")
    at = "status.conditions"
    if complete and failed:
        errors.append(field_invalid_whole(at, "cannot set Complete=True and Failed=true conditions"))
    if complete and condition_is(obj, "FailureTarget"):
        errors.append(field_invalid_whole(at, "cannot set Complete=True and FailureTarget=true conditions"))
    completed_at = status.get("completionTime")
    if completed_at and not complete:
        why = "cannot set completionTime when there is no Complete=True condition"
        errors.append(field_invalid("status.completionTime", completed_at, why))
    if complete and not completed_at:
        errors.append(field_required("status.completionTime", "completionTime is required for Complete jobs"))
    if (complete or failed) and status.get("active"):
        errors.append(field_invalid("status.active", status["active"], "active>0 is invalid for finished job"))
    if (complete or failed) and not status.get("startTime"):
        errors.append(field_required("status.startTime", "startTime is required for finished job"))
    if (status.get("ready") or 0) > (status.get("active") or 0):
        errors.append(field_invalid("status.ready", status["ready"], "cannot set more ready pods than active"))
    for kind in ("Failed", "Complete", "FailureTarget"):
        if condition_is(old, kind) and not condition_is(obj, kind):
            errors.append(field_invalid_whole(at, f"cannot disable the terminal {kind}=True condition"))
    for field in ("failed", "succeeded"):
        if int(status.get(field) or 0) < int(before.get(field) or 0) and _only_grows(obj):
            why = f"cannot decrease the {field} counter"
            errors.append(field_invalid(f"status.{field}", status.get(field) or 0, why))
    return errors


def _only_grows(obj: Obj) -> bool:
    """Whether finished pods can only become more: not in Indexed Jobs, which can shrink."""
    return bool((obj.get("spec") or {}).get("completionMode") != INDEXED)


# ---------------------------------------------------------------------- CronJob


def validate_cron_job(obj: Obj, old: Obj | None = None) -> Errors:
    spec = obj.get("spec") or {}
    before = (old.get("spec") or {}) if old else None
    errors = _schedule(spec, before)
    errors += nonnegative(spec, "startingDeadlineSeconds", "spec.startingDeadlineSeconds")
    if before is None or before.get("timeZone") != spec.get("timeZone"):
        errors += _time_zone(spec.get("timeZone"))
    policies = ["Allow", "Forbid", "Replace"]
    errors += one_of(spec.get("concurrencyPolicy") or "", policies, "spec.concurrencyPolicy")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    at = "spec.jobTemplate.spec"
    errors += job_template(job, at)
    if job.get("selector") is not None:
        errors.append(field_invalid(f"{at}.selector", job["selector"], "`selector` will be auto-generated"))
    if job.get("manualSelector"):
        errors.append(field_not_supported(f"{at}.manualSelector", True, ["nil", "false"]))
    errors += all_nonnegative(spec, ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"), "spec")
    name = obj["metadata"].get("name") or ""
    if old is None and len(name) > 52:
        errors.append(field_invalid("metadata.name", name, "must be no more than 52 characters"))
    return errors


def _schedule(spec: Obj, before: Obj | None) -> Errors:
    text, at = spec.get("schedule") or "", "spec.schedule"
    if not text:
        return [field_required(at)]
    errors: Errors = []
    try:
        cron.parse(text)
    except cron.ScheduleError as e:
        errors.append(field_invalid(at, text, str(e)))
    if "TZ" in text:
        if before is None or "TZ" not in (before.get("schedule") or ""):
            why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            errors.append(field_invalid(at, text, why))
        elif spec.get("timeZone") is not None:
            why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            errors.append(field_invalid(at, text, why))
    return errors


def _time_zone(name: Any) -> Errors:
    at = "spec.timeZone"
    if name is None:
        return []
    if not name:
        return [field_invalid(at, name, "timeZone must be nil or non-empty string")]
    unknown = field_invalid(at, name, f"unknown time zone {name}")
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not re.fullmatch(r"[A-Za-z.\-_0-9+]{1,14}", part):
            return [unknown]
    if name.lower() == "local":
        why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [field_invalid(at, name, why)]
    return [] if cron.known_zone(name) else [unknown]
