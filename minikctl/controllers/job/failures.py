"""When a pod counts as failed, what its failure means, and how long to wait before the next try. Pure.

Sources: Kubernetes `pkg/controller/job/pod_failure_policy.go`, `backoff_utils.go`; KEP-3329, KEP-3850, KEP-3939.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj, Objects, annotations_of, is_deleting, name, namespace
from minikctl.api.meta import condition as condition_of
from minikctl.controllers.common import pods
from minikctl.controllers.job import spec

FAIL_JOB, FAIL_INDEX, IGNORE, COUNT = "FailJob", "FailIndex", "Ignore", "Count"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
"""Annotations by which the pod that replaces a failed one knows how often its index has failed."""
FIRST_SECONDS, LONGEST_SECONDS = 10.0, 600.0


def has_failed(pod: Obj, job: Obj) -> bool:
    """A pod on its way out has failed, too, unless its replacement is to wait for the end."""
    if pods.phase(pod) == "Failed":
        return True
    return not spec.waits_for_the_end(job) and is_deleting(pod) and pods.phase(pod) != "Succeeded"


# ---------------------------------------------------------------------- podFailurePolicy


def judge(job: Obj, pod: Obj) -> tuple[str, str]:
    """(the action of the first rule that matches, "" for none; what to say about the Job when that is FailJob)."""
    policy = job["spec"].get("podFailurePolicy") or {}
    for number, rule in enumerate(policy.get("rules") or []):
        why = ""
        if rule.get("onExitCodes") is not None:
            why = _exit_code(pod, rule["onExitCodes"])
        elif rule.get("onPodConditions"):
            why = _pod_condition(pod, rule["onPodConditions"])
        if why:
            action = str(rule.get("action"))
            return action, f"{why} matching {action} rule at index {number}"
    return "", ""


def counts(job: Obj, pod: Obj) -> bool:
    """Whether a failure is held against backoffLimit."""
    return judge(job, pod)[0] != IGNORE


def _exit_code(pod: Obj, wanted: Obj) -> str:
    status = pod.get("status", {})
    for found in [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]:
        code = ((found.get("state") or {}).get("terminated") or {}).get("exitCode")
        if not code or wanted.get("containerName") not in (None, found.get("name")):
            continue
        if (code in (wanted.get("values") or [])) == (wanted.get("operator") == "In"):
            where = f"{namespace(pod)}/{name(pod)}"
            return f"Container {found.get('name')} for pod {where} failed with exit code {code}"
    return ""


def _pod_condition(pod: Obj, patterns: Iterable[Obj]) -> str:
    wanted = {(p.get("type"), p.get("status") or "True") for p in patterns}
    for found in pod.get("status", {}).get("conditions") or []:
        if (found.get("type"), found.get("status")) in wanted:
            return f"Pod {namespace(pod)}/{name(pod)} has condition {found.get('type')}"
    return ""


def job_failure(job: Obj, candidates: Objects) -> str:
    """Why the Job has failed because one of its pods did, "" when no rule says so."""
    if not job["spec"].get("podFailurePolicy"):
        return ""
    for pod in candidates:
        if has_failed(pod, job):
            action, message = judge(job, pod)
            if action == FAIL_JOB:
                return message
    return ""


# ---------------------------------------------------------------------- per index


def _number(pod: Obj, annotation: str) -> int:
    text = annotations_of(pod).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def all_failures(pod: Obj) -> int:
    """How often the pod's index had failed before it, ignored failures included."""
    return _number(pod, FAILURES) + _number(pod, IGNORED)


def index_has_failed(job: Obj, pod: Obj) -> bool:
    """Whether this pod's failure was its index' last chance."""
    if not has_failed(pod, job):
        return False
    action = judge(job, pod)[0]
    if action == FAIL_INDEX:
        return True
    return action != IGNORE and _number(pod, FAILURES) >= (spec.index_limit(job) or 0)


def replacement_annotations(job: Obj, before: Obj | None) -> dict[str, str]:
    """What the next pod of an index is told. before: the failed pod that it replaces."""
    failed = ignored = 0
    if before is not None:
        counted = counts(job, before)
        failed = _number(before, FAILURES) + counted
        ignored = _number(before, IGNORED) + (not counted)
    return {FAILURES: str(failed)} | ({IGNORED: str(ignored)} if ignored else {})


# ---------------------------------------------------------------------- waiting


@dataclass(frozen=True)
class Backoff:
    """Failures since the last success, and when the last of them was."""

    failures: int = 0
    last: datetime | None = None

    def seen(self, succeeded: Objects, failed: Objects) -> Backoff:
        """After more pods have ended."""
        times = sorted(finished_at(p) for p in failed)
        if succeeded:
            latest = max(finished_at(p) for p in succeeded)
            times = [t for t in times if t > latest]
            return Backoff(len(times), times[-1] if times else None)
        return Backoff(self.failures + len(times), times[-1]) if times else self

    def remaining(self, now: datetime) -> float:
        """Seconds until the next pod may be created: 10 s after the first failure, twice that after each further one."""
        return delay(self.failures, self.last, now)


def delay(failures: int, last: datetime | None, now: datetime) -> float:
    if not failures or last is None:
        return 0.0
    wait = min(FIRST_SECONDS * 2 ** min(failures - 1, 30), LONGEST_SECONDS)
    return max((last + timedelta(seconds=wait) - now).total_seconds(), 0.0)


def index_delay(pod: Obj | None, now: datetime) -> float:
    """The same for one index. pod: the one that failed last there."""
    return delay(all_failures(pod) + 1, finished_at(pod), now) if pod is not None else 0.0


def finished_at(pod: Obj) -> datetime:
    """When a pod ended: its last container's end, or since when it is not ready, or when its deletion was asked for."""
    return (
        _last_container(pod)
        or _not_ready_since(pod)
        or _deletion(pod)
        or parse_time(pod["metadata"].get("creationTimestamp") or "1970-01-01T00:00:00Z")
    )


def _last_container(pod: Obj) -> datetime | None:
    status = pod.get("status", {})
    sidecars = {
        c["name"] for c in pod.get("spec", {}).get("initContainers") or [] if c.get("restartPolicy") == "Always"
    }
    looked_at = list(status.get("containerStatuses") or [])
    looked_at += [s for s in status.get("initContainerStatuses") or [] if s.get("name") in sidecars]
    ends = [((s.get("state") or {}).get("terminated") or {}).get("finishedAt") for s in looked_at]
    if not ends or not all(ends):
        return None
    return max(parse_time(str(e)) for e in ends)


def _not_ready_since(pod: Obj) -> datetime | None:
    found = condition_of(pod, "Ready")
    if found is None or found.get("status") != "False" or not found.get("lastTransitionTime"):
        return None
    return parse_time(found["lastTransitionTime"])


def _deletion(pod: Obj) -> datetime | None:
    text = pod["metadata"].get("deletionTimestamp")
    if not text:
        return None
    return parse_time(text) - timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
