"""An operation under way: one step of it at a time, retries, and what is kept of it when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, timestamp
from minikctl.client import Client
from minikctl.client.events import EventRecorder
from minikctl.cluster.gitops import operation
from minikctl.cluster.gitops.automation import seconds_to
from minikctl.cluster.gitops.compare import Compared
from minikctl.cluster.gitops.status import SYNC_ERROR
from minikctl.util.clock import Clock

HISTORY = 10


class Progress:
    """What has been done stands in `status.operationState`; nothing is kept here."""

    def __init__(self, client: Client, recorder: EventRecorder, clock: Clock):
        self._client, self._recorder, self._clock = client, recorder, clock

    def carry_on(
        self, app: Obj, status: Obj, pending: Obj, revision: str, found: list[Compared], hooks: list[Obj]
    ) -> Obj:
        """One step of an operation; the status with its new state."""
        now = self._clock.now()
        state = status.get("operationState") or {}
        sync = pending.get("sync") or {}
        if state.get("phase") != operation.RUNNING or not app.get("operation"):
            source = sync.get("source") or app["spec"]["source"]
            state = {
                "operation": {**pending, "sync": {**sync, "revision": revision}},
                "phase": operation.RUNNING,
                "startedAt": timestamp(now),
                "syncResult": {"revision": revision, "source": source, "resources": []},
            }
        if seconds_to(state.get("retryAt"), now) > 0:
            return {**status, "operationState": state}
        options = sync.get("syncOptions") or (app["spec"].get("syncPolicy") or {}).get("syncOptions") or []
        started = int(parse_time(state["startedAt"]).timestamp())
        if "CreateNamespace=true" in options:
            self._ensure_namespace(app)
        tasks = operation.plan(
            found,
            hooks,
            prune=bool(sync.get("prune")) and "Prune=false" not in options,
            revision=revision,
            started=started,
            selected=sync.get("resources") or (),
            only_out_of_sync="ApplyOutOfSyncOnly=true" in options,
        )
        done = state["syncResult"].get("resources") or []
        step = operation.Step(self._client, options, dry_run=bool(sync.get("dryRun")))
        outcome = step.go_on(_with_done(tasks, done, found), done)
        if outcome.phase == operation.FAILED:
            self._run_fail_hooks(step, hooks, revision, started)
        return self._after(app, status, state, pending, outcome)

    def _run_fail_hooks(self, step: operation.Step, hooks: list[Obj], revision: str, started: int) -> None:
        tasks = operation.fail_hooks(hooks, revision, started)
        if tasks:
            step.go_on(tasks, [])

    def _ensure_namespace(self, app: Obj) -> None:
        home = (app["spec"].get("destination") or {}).get("namespace")
        if home:
            try:
                self._client.create("namespaces", {"metadata": {"name": home}})
            except ApiError as e:
                if e.reason != "AlreadyExists":
                    raise

    def _after(self, app: Obj, status: Obj, state: Obj, pending: Obj, outcome: operation.Outcome) -> Obj:
        now = timestamp(self._clock.now())
        result = {**state["syncResult"], "resources": sorted(outcome.resources, key=_by_place)}
        state = {**state, "phase": outcome.phase, "message": outcome.message, "syncResult": result}
        retry = pending.get("retry") or {}
        attempts = int(state.get("retryCount") or 0)
        if outcome.phase == operation.FAILED and attempts < int(retry.get("limit") or 0):
            at = self._clock.now() + timedelta(seconds=operation.retry_delay(retry, attempts))
            state |= {"phase": operation.RUNNING, "retryCount": attempts + 1, "retryAt": timestamp(at)}
            state["message"] = f"{outcome.message}. Retrying attempt #{attempts + 1} at {at:%-I:%M%p}."
            state["syncResult"] = {**result, "resources": []}
            return {**status, "operationState": state}
        state.pop("retryAt", None)
        status = {**status, "operationState": state}
        if outcome.phase == operation.RUNNING:
            return status
        state["finishedAt"] = now
        revision = result["revision"]
        what = "Partial sync" if (pending.get("sync") or {}).get("resources") else "Sync"
        if outcome.phase == operation.SUCCEEDED:
            self._recorder.normal(app, "OperationCompleted", f"{what} operation to {revision} succeeded")
            if what == "Sync" and not (pending.get("sync") or {}).get("dryRun"):
                status = self._with_history(app, status, state, pending)
            status["conditions"] = [c for c in status.get("conditions") or [] if c["type"] != SYNC_ERROR]
        else:
            text = f"{what} operation to {revision} failed: {outcome.message}"
            self._recorder.warning(app, "OperationCompleted", text)
        return status

    def _with_history(self, app: Obj, status: Obj, state: Obj, pending: Obj) -> Obj:
        history = list(status.get("history") or [])
        entry = {
            "id": (history[-1]["id"] + 1) if history else 0,
            "revision": state["syncResult"]["revision"],
            "deployStartedAt": state["startedAt"],
            "deployedAt": state["finishedAt"],
            "initiatedBy": pending.get("initiatedBy") or {},
            "source": state["syncResult"]["source"],
        }
        limit = int(app["spec"].get("revisionHistoryLimit", HISTORY))
        return {**status, "history": [*history, entry][-limit:] if limit else []}


def _with_done(tasks: list[operation.Task], done: list[Obj], found: list[Compared]) -> list[operation.Task]:
    """The plan as it was at the beginning: what was pruned, or brought into sync, in an earlier step stays in it."""
    have = {(*t.id, t.phase) for t in tasks}
    by_id = {c.id: c for c in found}
    more = []
    for result in done:
        one = (result.get("group") or "", result["kind"], result.get("namespace") or "", result["name"])
        if (*one, result.get("syncPhase")) in have or "hookType" in result:
            continue
        compared = by_id.get(one)
        if compared is not None and compared.wanted is not None:
            more.append(operation.Task(one, operation.SYNC, operation.wave_of(compared.wanted), compared.wanted))
    return sorted([*tasks, *more], key=lambda t: t.place)


def _by_place(result: Obj) -> tuple[Any, ...]:
    phases = (operation.PRE, operation.SYNC, operation.POST)
    phase = result.get("syncPhase")
    return (
        phases.index(phase) if phase in phases else 3,
        result["kind"],
        result.get("namespace") or "",
        result["name"],
    )
