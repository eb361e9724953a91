"""application-controller: compares what a repository says with what is there, says so in the Application's status, and
makes it so when it is asked to, or by itself when the Application says so.

It looks again when an object of the Application changes, when a local repository does, every `timeout.reconciliation`
(ConfigMap argocd-cm, three minutes) for others, and when the annotation `argocd.argoproj.io/refresh` asks for it.
At rest it writes nothing: `reconciledAt` moves with the rest of the status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, annotations_of, is_deleting, name, namespace, timestamp, with_metadata
from minikctl.client import DeleteOptions
from minikctl.client.informer import Handler
from minikctl.cluster.gitops import compare, health, operation, render
from minikctl.cluster.gitops.compare import Compared, Id
from minikctl.cluster.gitops.repository import Repositories, SourceError
from minikctl.controllers.base import Context, Controller

log = logging.getLogger("gitops")
APPLICATIONS = "applications.argoproj.io"
REFRESH = "argocd.argoproj.io/refresh"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
SERVERS = ("https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local")
IN_CLUSTER = "in-cluster"
RECONCILE_SECONDS, LOCAL_SECONDS, STEP_SECONDS, SELF_HEAL_SECONDS = 180.0, 2.0, 1.0, 5.0
HISTORY = 10
SYNC_OPTIONS = frozenset(
    {
        "CreateNamespace",
        "ServerSideApply",
        "Replace",
        "ApplyOutOfSyncOnly",
        "Prune",
        "PruneLast",
        "PrunePropagationPolicy",
        "Validate",
        "SkipDryRunOnMissingResource",
    }
)


class InvalidSpec(Exception):
    """The Application asks for something that cannot be."""


class ApplicationController(Controller):
    name = "argocd-application-controller"

    def __init__(self, context: Context, repositories: Repositories):
        self.repositories = repositories
        self._rendered: dict[str, tuple[tuple[Any, ...], str, list[Obj]]] = {}
        """By Application: what was asked for, the source type, and the objects."""
        self._revisions: dict[str, tuple[tuple[str, str], str, float, object]] = {}
        """By Application: (url, revision), the commit, when that was asked, and how a local repository looked then."""
        self._followed: set[tuple[str, str]] = set()
        super().__init__(context)

    def setup(self) -> None:
        self.apps = self.watch(APPLICATIONS)

    # ------------------------------------------------------------------ news

    def _follow(self, kinds: Iterable[Kind]) -> None:
        """Hear of every change of these kinds."""
        fresh = [k for k in kinds if (k.group, k.plural) not in self._followed]
        for kind in fresh:
            self._followed.add((kind.group, kind.plural))
            word = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            with suppress(KeyError):
                self.informers.informer(word).add_handler(
                    Handler(self._touched, lambda _old, new: self._touched(new), self._touched)
                )
        if fresh:
            self.informers.start()

    def _touched(self, obj: Obj) -> None:
        owner = compare.owner_of(obj)
        if owner:
            self.queue.add(owner)
            return
        if any(key in annotations_of(obj) for key in (compare.HOOK, compare.HELM_HOOK)):
            for app in self.apps.list():
                if ((app.get("status") or {}).get("operationState") or {}).get("phase") == operation.RUNNING:
                    self.queue.add(f"{namespace(app)}/{name(app)}")

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        where, _, called = object_key.partition("/")
        app = compare.find(self.client, self._app_kind(), where, called)
        if app is None:
            self._rendered.pop(object_key, None)
            self._revisions.pop(object_key, None)
            return None
        if is_deleting(app):
            return self._delete(app)
        before = app.get("status") or {}
        after, pending, pause = self._reconcile(object_key, app, before)
        self._write(app, before, after, pending)
        return pause

    def _app_kind(self) -> Kind:
        return self.apps.kind

    def _reconcile(self, key: str, app: Obj, before: Obj) -> tuple[Obj, Obj | None, float]:
        """(the new status, the operation that is under way, when to look again)."""
        try:
            self._check(app)
            revision, kind, objects = self._desired(key, app)
            wanted = compare.wanted(app, objects, lambda o: self.client.kind_of(o["apiVersion"], o["kind"]))
            hooks = [o for o in wanted if compare.is_hook(o)]
            plain = [o for o in wanted if not compare.is_hook(o)]
            found = compare.compare(self.client, app, plain, _had(before))
        except (InvalidSpec, SourceError) as e:
            return self._in_error(app, before, e)
        kinds = {k.resource: k for o in wanted if (k := self.client.kind_of(o["apiVersion"], o["kind"]))}
        self._follow(kinds.values())
        status = self._status(app, before, revision, kind, found)
        pending, waits = self._operation_of(app, status, revision, found)
        if pending is not None:
            status = self._carry_on(app, status, pending, revision, found, hooks)
            state = status["operationState"]
            if state["phase"] == operation.RUNNING:
                return status, pending, STEP_SECONDS
            found = compare.compare(self.client, app, plain, _had(status))
            status = self._status(app, status, revision, kind, found)
            return status, None, STEP_SECONDS
        return status, None, min(waits, self._next_look(key, app))

    def _check(self, app: Obj) -> None:
        """Raises InvalidSpec."""
        spec = app["spec"]
        if spec.get("sources"):
            raise InvalidSpec("spec.sources is not supported here: one spec.source is")
        source, destination = spec.get("source") or {}, spec.get("destination") or {}
        if not source.get("repoURL"):
            raise InvalidSpec("spec.source.repoURL is required")
        if source.get("chart"):
            raise InvalidSpec("spec.source.chart is not supported here: charts are taken from Git, by path")
        if source.get("plugin"):
            raise InvalidSpec("spec.source.plugin is not supported here")
        server, called = destination.get("server") or "", destination.get("name") or ""
        if server and called:
            raise InvalidSpec("application destination can't have both name and server defined")
        if not server and not called:
            raise InvalidSpec("Destination server missing from app spec")
        if server not in ("", *SERVERS) or called not in ("", IN_CLUSTER):
            raise InvalidSpec(f"there are no clusters with this {'API URL' if server else 'name'}: {server or called}")
        project = spec.get("project") or "default"
        if compare.find(self.client, self._kind("appprojects.argoproj.io"), "argocd", project) is None:
            raise InvalidSpec(f"Application referencing project {project} which does not exist")
        for option in (spec.get("syncPolicy") or {}).get("syncOptions") or []:
            if option.partition("=")[0] not in SYNC_OPTIONS:
                raise InvalidSpec(f"sync option {option} is not supported here")

    def _kind(self, word: str) -> Kind:
        found = self.client.kind(word)
        if found is None:
            raise InvalidSpec(f"the kind {word} is not installed")
        return found

    # ------------------------------------------------------------------ what is wanted

    def _desired(self, key: str, app: Obj) -> tuple[str, str, list[Obj]]:
        """(commit, source type, objects). Raises SourceError."""
        source = app["spec"]["source"]
        asked = (app.get("operation") or {}).get("sync") or {}
        running = self._running(app)
        source = running.get("source") or asked.get("source") or source
        pinned = running.get("revision") or asked.get("revision") or ""
        url = source["repoURL"]
        if pinned:
            commit = self.repositories.resolve(url, pinned)
        else:
            commit = self._commit(key, url, source.get("targetRevision") or "", refresh=REFRESH in annotations_of(app))
        home = (app["spec"].get("destination") or {}).get("namespace") or "default"
        question = (commit, repr(source), home)
        known = self._rendered.get(key)
        if known is None or known[0] != question or annotations_of(app).get(REFRESH) == "hard":
            kind, objects = render.render(self.repositories.files(url, commit), source, name(app), home)
            known = self._rendered[key] = (question, kind, objects)
        return commit, known[1], known[2]

    @staticmethod
    def _running(app: Obj) -> Obj:
        state = (app.get("status") or {}).get("operationState") or {}
        sync: Obj = (state.get("operation") or {}).get("sync") or {}
        return sync if state.get("phase") == operation.RUNNING and app.get("operation") else {}

    def _commit(self, key: str, url: str, revision: str, *, refresh: bool) -> str:
        known, now = self._revisions.get(key), self.clock.monotonic()
        look = self.repositories.changed(url)
        if known is not None and known[0] == (url, revision) and not refresh:
            fresh = known[3] == look if look is not None else now - known[2] < self._reconcile_seconds()
            if fresh:
                return known[1]
        commit = self.repositories.resolve(url, revision)
        self._revisions[key] = ((url, revision), commit, now, look)
        return commit

    def _reconcile_seconds(self) -> float:
        from minikctl.api.durations import parse_go_duration

        with suppress(ApiError, ValueError):
            config = self.client.get("configmaps", "argocd-cm", "argocd")
            text = (config.get("data") or {}).get("timeout.reconciliation") or ""
            return max(1.0, float(parse_go_duration(text))) if text else RECONCILE_SECONDS
        return RECONCILE_SECONDS

    def _next_look(self, key: str, app: Obj) -> float:
        known = self._revisions.get(key)
        if known is None or known[3] is not None:
            return LOCAL_SECONDS
        return max(1.0, known[2] + self._reconcile_seconds() - self.clock.monotonic())

    # ------------------------------------------------------------------ the status

    def _status(self, app: Obj, before: Obj, revision: str, kind: str, found: list[Compared]) -> Obj:
        spec = app["spec"]
        resources, statuses, images = [], [], set()
        for one in sorted(found, key=lambda c: c.id):
            entry, how = _entry(one)
            resources.append(entry)
            if how:
                statuses.append(how)
            for part in ((one.live or {}).get("spec") or {}).get("template", {}).get("spec", {}).get(
                "containers"
            ) or []:
                images.add(part.get("image", ""))
        in_sync = all(c.status == compare.SYNCED for c in found)
        now = timestamp(self.clock.now())
        worst = health.worst(statuses)
        old = before.get("health") or {}
        changed = old.get("lastTransitionTime") if old.get("status") == worst else now
        shared = [
            c for c in found if c.live and (o := compare.owner_of(c.live)) and o != f"{namespace(app)}/{name(app)}"
        ]
        conditions = [
            ("SharedResourceWarning", f"{c.id[1]}/{c.id[3]} is part of applications {namespace(app)}/{name(app)} and "
             f"{compare.owner_of(c.live or {})}")
            for c in shared
        ]  # fmt: skip
        status = {
            **before,
            "conditions": self._conditions(before, conditions),
            "health": {"status": worst, "lastTransitionTime": changed},
            "resources": resources,
            "sourceType": kind,
            "summary": {"images": sorted(images - {""})},
            "sync": {
                "comparedTo": {"source": spec["source"], "destination": spec["destination"]},
                "revision": revision,
                "status": compare.SYNCED if in_sync else compare.OUT_OF_SYNC,
            },
        }
        return {k: v for k, v in status.items() if v not in ([], {})}

    def _conditions(self, before: Obj, wanted: list[tuple[str, str]], keep: str = "SyncError") -> list[Obj]:
        """A condition keeps its time as long as it says the same."""
        now, old = timestamp(self.clock.now()), before.get("conditions") or []
        out = [c for c in old if c["type"] == keep and keep not in {k for k, _ in wanted}]
        for kind, message in wanted:
            same = next((c for c in old if (c["type"], c["message"]) == (kind, message)), None)
            out.append(same or {"type": kind, "message": message, "lastTransitionTime": now})
        return out

    def _in_error(self, app: Obj, before: Obj, error: Exception) -> tuple[Obj, Obj | None, float]:
        invalid = isinstance(error, InvalidSpec)
        kind, text = "InvalidSpecError" if invalid else "ComparisonError", str(error)
        if not invalid:
            text = f"Failed to load target state: failed to generate manifest for source 1 of 1: {text}"
        now = timestamp(self.clock.now())
        old = before.get("health") or {}
        changed = old.get("lastTransitionTime") if old.get("status") == health.UNKNOWN else now
        status = {
            **before,
            "conditions": self._conditions(before, [(kind, text)]),
            "health": {"status": health.UNKNOWN, "lastTransitionTime": changed},
            "sync": {**(before.get("sync") or {}), "status": "Unknown"},
        }
        if app.get("operation"):  # it cannot be begun
            sync = {**app["operation"].get("sync", {})}
            status["operationState"] = {
                "operation": {**app["operation"], "sync": sync},
                "phase": operation.ERROR,
                "message": text,
                "startedAt": now,
                "finishedAt": now,
            }
            return status, None, 30.0
        return status, None, 30.0

    # ------------------------------------------------------------------ operations

    def _operation_of(self, app: Obj, status: Obj, revision: str, found: list[Compared]) -> tuple[Obj | None, float]:
        """What is to be carried out now: what runs, what somebody asked for, or what the policy says; seconds until
        the policy may say something else."""
        if app.get("operation"):
            pending: Obj = app["operation"]
            return pending, STEP_SECONDS
        policy = (app["spec"].get("syncPolicy") or {}).get("automated")
        if policy is None or policy.get("enabled") is False or status["sync"]["status"] == compare.SYNCED:
            return None, RECONCILE_SECONDS
        prune = bool(policy.get("prune"))
        if not prune and all(c.is_surplus for c in found if c.status != compare.SYNCED):
            return None, RECONCILE_SECONDS
        if prune and not policy.get("allowEmpty") and found and all(c.is_surplus for c in found):
            text = f"Skipping sync attempt to {revision}: auto-sync will wipe out all resources"
            status["conditions"] = self._conditions(status, [("SyncError", text)])
            return None, RECONCILE_SECONDS
        state = status.get("operationState") or {}
        last = state.get("syncResult") or {}
        if last.get("revision") == revision and last.get("source") == app["spec"]["source"]:
            if state.get("phase") != operation.SUCCEEDED:
                text = f"Failed sync attempt to {revision}: {state.get('message', '')}"
                status["conditions"] = self._conditions(status, [("SyncError", text)])
                return None, RECONCILE_SECONDS
            if not policy.get("selfHeal"):
                return None, RECONCILE_SECONDS
            left = self._since(state.get("finishedAt")) + SELF_HEAL_SECONDS
            if left > 0:
                return None, left
        sync = {"revision": revision, "prune": prune} if prune else {"revision": revision}
        retry = (app["spec"].get("syncPolicy") or {}).get("retry")
        self.recorder.normal(app, "OperationStarted", f"Initiated automated sync to '{revision}'")
        return {"initiatedBy": {"automated": True}, "sync": sync, **({"retry": retry} if retry else {})}, 0.0

    def _since(self, moment: str | None) -> float:
        """Seconds from now to a moment: negative when it is past."""
        if not moment:
            return float("-inf")
        return (parse_time(moment) - self.clock.now()).total_seconds()

    def _carry_on(
        self, app: Obj, status: Obj, pending: Obj, revision: str, found: list[Compared], hooks: list[Obj]
    ) -> Obj:
        """One step of an operation; the status with its new state."""
        now = self.clock.now()
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
        if self._since(state.get("retryAt")) > 0:
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
        step = operation.Step(self.client, options, dry_run=bool(sync.get("dryRun")))
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
                self.client.create("namespaces", {"metadata": {"name": home}})
            except ApiError as e:
                if e.reason != "AlreadyExists":
                    raise

    def _after(self, app: Obj, status: Obj, state: Obj, pending: Obj, outcome: operation.Outcome) -> Obj:
        now = timestamp(self.clock.now())
        result = {**state["syncResult"], "resources": sorted(outcome.resources, key=_by_place)}
        state = {**state, "phase": outcome.phase, "message": outcome.message, "syncResult": result}
        retry = pending.get("retry") or {}
        attempts = int(state.get("retryCount") or 0)
        if outcome.phase == operation.FAILED and attempts < int(retry.get("limit") or 0):
            from datetime import timedelta

            at = self.clock.now() + timedelta(seconds=operation.retry_delay(retry, attempts))
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
            self.recorder.normal(app, "OperationCompleted", f"{what} operation to {revision} succeeded")
            if what == "Sync" and not (pending.get("sync") or {}).get("dryRun"):
                status = self._with_history(app, status, state, pending)
            status["conditions"] = [c for c in status.get("conditions") or [] if c["type"] != "SyncError"]
        else:
            text = f"{what} operation to {revision} failed: {outcome.message}"
            self.recorder.warning(app, "OperationCompleted", text)
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

    # ------------------------------------------------------------------ writing

    def _write(self, app: Obj, before: Obj, after: Obj, pending: Obj | None) -> None:
        """Status and operation in one write; nothing when nothing has changed."""
        notes = annotations_of(app)
        fresh = {k: v for k, v in app.items() if k not in ("operation", "status")}
        if REFRESH in notes:
            fresh = with_metadata(fresh, annotations={k: v for k, v in notes.items() if k != REFRESH} or None)
        after = {k: v for k, v in after.items() if v not in ([], {})}
        same = {k: v for k, v in before.items() if k != "reconciledAt"} == {
            k: v for k, v in after.items() if k != "reconciledAt"
        }
        if same and app.get("operation") == pending and REFRESH not in notes:
            return
        after["reconciledAt"] = timestamp(self.clock.now())
        whole = {**fresh, **({"operation": pending} if pending is not None else {}), "status": after}
        self.client.update(self._app_kind(), whole)
        for field, word in (("sync", "sync status"), ("health", "health status")):
            old, new = ((s.get(field) or {}).get("status") or "" for s in (before, after))
            if old != new:
                self.recorder.normal(app, "ResourceUpdated", f"Updated {word}: {old} -> {new}")

    # ------------------------------------------------------------------ the end

    def _delete(self, app: Obj) -> float | None:
        """With the finalizer, what belongs to an Application goes first."""
        kept = [f for f in app["metadata"].get("finalizers") or [] if not f.startswith(FINALIZER)]
        if len(kept) == len(app["metadata"].get("finalizers") or []):
            return None
        left = [c for c in compare.compare(self.client, app, [], _had(app.get("status") or {})) if c.live]
        for one in left:
            live = one.live or {}
            kind = self.client.kind_of(live["apiVersion"], live["kind"])
            if kind is not None and not is_deleting(live) and "Delete=false" not in operation._options(live):
                with suppress(ApiError):
                    self.client.delete(kind, one.id[3], one.id[2], options=DeleteOptions(propagation="Foreground"))
        if any("Delete=false" not in operation._options(c.live or {}) for c in left):
            return STEP_SECONDS
        self.client.update(self._app_kind(), with_metadata(app, finalizers=kept or None))
        return None


def _had(status: Obj) -> list[Id]:
    """The objects that an Application had when its status was written, and those that an operation has made."""
    found = list(status.get("resources") or [])
    result = (status.get("operationState") or {}).get("syncResult") or {}
    found += [r for r in result.get("resources") or [] if "hookType" not in r]
    return list(dict.fromkeys((r.get("group") or "", r["kind"], r.get("namespace") or "", r["name"]) for r in found))


def _entry(one: Compared) -> tuple[Obj, str]:
    """(the entry of status.resources, the health that counts for the whole: empty when there is none)."""
    group, kind, where, called = one.id
    entry: Obj = {"group": group, "version": one.version, "kind": kind, "namespace": where, "name": called}
    entry = {k: v for k, v in entry.items() if v}
    entry["status"] = one.status
    how = ""
    if one.live is None:
        entry["health"] = {"status": health.MISSING}
        how = health.MISSING
    elif found := health.of(one.live):
        entry["health"] = {"status": found[0], **({"message": found[1]} if found[1] else {})}
        how = "" if one.is_surplus else found[0]
    if one.is_surplus:
        entry["requiresPruning"] = True
    wave = operation.wave_of(one.wanted or one.live or {"metadata": {}})
    if wave:
        entry["syncWave"] = wave
    return entry, how


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


def of_state_dir(state_dir: Path) -> Callable[[Context], ApplicationController]:
    """The controller with its mirrors in a state directory."""
    repositories = Repositories(state_dir.absolute() / "run" / "gitops")
    return lambda context: ApplicationController(context, repositories)


__all__ = ["ApplicationController", "of_state_dir"]
