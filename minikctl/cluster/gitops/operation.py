"""One synchronisation, step by step: what has been done stands in `status.operationState`, so that it can be gone on
with after a restart at any point.

PreSync hooks, then the objects, then PostSync hooks; within each by sync wave; within a wave by kind. A wave begins
when all of the one before it is healthy, and its hooks have succeeded. What is no longer wanted is pruned last, in the
opposite order of waves. When something fails, SyncFail hooks run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, annotations_of, name, namespace, with_metadata
from minikctl.api.patch.strategic import PatchError
from minikctl.client import Client, DeleteOptions, WriteOptions
from minikctl.cluster.gitops import compare, health
from minikctl.cluster.gitops.compare import HELM_HOOK, HOOK, MANAGER, SYNC_OPTIONS, WAVE, Compared, Id, id_of

PRE, SYNC, POST, FAIL = "PreSync", "Sync", "PostSync", "SyncFail"
PHASES = (PRE, SYNC, POST)
RUNNING, SUCCEEDED, FAILED, ERROR = "Running", "Succeeded", "Failed", "Error"
DELETE_POLICY, HELM_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy", "helm.sh/hook-delete-policy"
_HELM_PHASES = {
    "pre-install": PRE,
    "pre-upgrade": PRE,
    "post-install": POST,
    "post-upgrade": POST,
}
_HELM_POLICIES = {
    "before-hook-creation": "BeforeHookCreation",
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
}
KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "Ingress",
    "APIService",
)


@dataclass(frozen=True, slots=True)
class Task:
    """Apply, prune, or run a hook."""

    id: Id
    phase: str
    wave: int
    obj: Obj
    live: Obj | None = None
    prune: bool = False
    hook: bool = False

    @property
    def place(self) -> tuple[int, int, int, int, Id]:
        """Where in the order it stands."""
        kind = KIND_ORDER.index(self.id[1]) if self.id[1] in KIND_ORDER else len(KIND_ORDER)
        if self.prune:
            return PHASES.index(self.phase), 1, -self.wave, -kind, self.id
        return PHASES.index(self.phase), 0, self.wave, kind, self.id

    @property
    def step(self) -> tuple[int, int, int]:
        """Tasks of one step are done together."""
        return self.place[:3]


@dataclass
class Outcome:
    """The state of an operation after a step; `resources` as syncResult has them."""

    phase: str
    message: str
    resources: list[Obj] = field(default_factory=list)


def wave_of(obj: Obj) -> int:
    try:
        return int(annotations_of(obj).get(WAVE) or annotations_of(obj).get("helm.sh/hook-weight") or 0)
    except ValueError:
        return 0


def phases_of(obj: Obj) -> list[str]:
    """When a hook runs; empty for `Skip` and for hooks that are not known."""
    notes = annotations_of(obj)
    if HOOK in notes:
        given = [w.strip() for w in notes[HOOK].split(",")]
        return [p for p in (*PHASES, FAIL) if p in given]
    given = [w.strip() for w in notes.get(HELM_HOOK, "").split(",")]
    return [p for p in PHASES if p in {_HELM_PHASES.get(w) for w in given}]


def policies_of(obj: Obj) -> set[str]:
    notes = annotations_of(obj)
    if DELETE_POLICY in notes:
        return {w.strip() for w in notes[DELETE_POLICY].split(",")}
    given = {_HELM_POLICIES.get(w.strip(), "") for w in notes.get(HELM_DELETE_POLICY, "").split(",")} - {""}
    return given or {"BeforeHookCreation"}


def plan(
    compared: Sequence[Compared],
    hooks: Iterable[Obj],
    *,
    prune: bool,
    revision: str,
    started: int,
    selected: Sequence[Obj] = (),
    only_out_of_sync: bool = False,
) -> list[Task]:
    """What is to be done, in order. Part of an Application (`selected`) is synchronised without hooks. Pure."""
    tasks = []
    for one in compared:
        if selected and not any(_is(s, one.id) for s in selected):
            continue
        if one.wanted is not None:
            if not (only_out_of_sync and one.status == compare.SYNCED):
                tasks.append(Task(one.id, SYNC, wave_of(one.wanted), one.wanted, one.live))
        elif one.live is not None and prune and "Prune=false" not in _options(one.live):
            tasks.append(Task(one.id, SYNC, wave_of(one.live), one.live, one.live, prune=True))
    if not selected:
        for hook in hooks:
            for phase in phases_of(hook):
                if phase != FAIL:
                    tasks.append(_hook_task(hook, phase, revision, started))
    return sorted(tasks, key=lambda t: t.place)


def _hook_task(hook: Obj, phase: str, revision: str, started: int) -> Task:
    if not name(hook):
        title = f"{hook['metadata']['generateName']}{revision[:7]}-{phase.lower()}-{started}"
        hook = with_metadata({**hook, "metadata": {**hook["metadata"], "generateName": None}}, name=title)
    return Task(id_of(hook), phase, wave_of(hook), hook, hook=True)


def fail_hooks(hooks: Iterable[Obj], revision: str, started: int) -> list[Task]:
    return [
        Task(t.id, SYNC, t.wave, t.obj, hook=True)
        for hook in hooks
        if FAIL in phases_of(hook)
        for t in [_hook_task(hook, SYNC, revision, started)]
    ]


def _is(selected: Obj, one: Id) -> bool:
    return (selected.get("group") or "", selected.get("kind"), selected.get("name")) == (one[0], one[1], one[3])


def _options(obj: Obj) -> set[str]:
    return {w.strip() for w in annotations_of(obj).get(SYNC_OPTIONS, "").split(",")}


class Step:
    """Carries a plan on as far as it goes now. `options`: the operation's syncOptions."""

    def __init__(self, client: Client, options: Iterable[str], *, dry_run: bool = False):
        self.client = client
        self.options = set(options)
        ignore = "Ignore" if "Validate=false" in self.options else ""
        self.write = WriteOptions(dry_run=dry_run, field_manager=MANAGER, force=True, field_validation=ignore)
        self.dry_run = dry_run

    def go_on(self, tasks: Sequence[Task], done: Sequence[Obj]) -> Outcome:
        """`done` are the results of earlier steps."""
        results = {_key(r): r for r in done}
        steps = sorted({t.step for t in tasks})
        for number, step in enumerate(steps):
            mine = [t for t in tasks if t.step == step]
            for task in mine:
                before = results.get(_task_key(task))
                if before is None or (task.hook and before.get("hookPhase") == "Waiting"):
                    results[_task_key(task)] = self._do(task)
            failed = [r for t in mine if (r := results[_task_key(t)])["status"] == "SyncFailed"]
            if failed:
                text = "one or more objects failed to apply"
                reasons = "; ".join(str(r["message"]) for r in failed)
                return Outcome(FAILED, f"{text}, reason: {reasons}", list(results.values()))
            last = number == len(steps) - 1
            waiting, broken = self._look(mine, results, last=last)
            if broken:
                return Outcome(
                    FAILED,
                    f"one or more synchronization tasks completed unsuccessfully: {broken}",
                    list(results.values()),
                )
            if waiting:
                what = "completion of hook" if waiting[0].hook else "healthy state of"
                more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
                title = f"{waiting[0].id[0]}/{waiting[0].id[1]}/{waiting[0].id[3]}".removeprefix("/")
                return Outcome(RUNNING, f"waiting for {what} {title}{more}", list(results.values()))
        text = "successfully synced (all tasks run)" if tasks else "successfully synced (no more tasks)"
        return Outcome(SUCCEEDED, text, list(results.values()))

    # ------------------------------------------------------------------ one task

    def _do(self, task: Task) -> Obj:
        try:
            status, message = self._prune(task) if task.prune else self._apply(task)
        except ApiError as e:
            status, message = "SyncFailed", e.message
        except PatchError as e:
            status, message = "SyncFailed", str(e)
        phase = "Waiting" if status == "Waiting" else RUNNING
        return _result(task, "Synced" if status == "Waiting" else status, message, phase)

    def _kind(self, obj: Obj) -> Kind:
        kind = self.client.kind_of(obj["apiVersion"], obj["kind"])
        if kind is None:
            where = f"{namespace(obj)}/{name(obj)}".removeprefix("/")
            raise ApiError(
                404,
                "NotFound",
                f"The Kubernetes API could not find {compare.group_of(obj)}/{obj['kind']} for requested resource {where}. "
                f'Make sure the "{obj["kind"]}" CRD is installed on the destination cluster.',
            )
        return kind

    def _prune(self, task: Task) -> tuple[str, str]:
        given = next((o.partition("=")[2] for o in self.options if o.startswith("PrunePropagationPolicy=")), "")
        how = {"background": "Background", "orphan": "Orphan"}.get(given, "Foreground")
        kind, options = self._kind(task.obj), DeleteOptions(propagation=how, dry_run=self.dry_run)
        try:
            self.client.delete(kind, task.id[3], task.id[2], options=options)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
        return "Pruned", "pruned"

    def _apply(self, task: Task) -> tuple[str, str]:
        """(status, message)."""
        from minikctl.kubectl import last_applied

        obj = task.obj
        kind, options = self._kind(obj), self.options | _options(obj)
        title = f"{kind.plural}.{kind.group}/{name(obj)}" if kind.group else f"{kind.plural}/{name(obj)}"
        title = f"{kind.singular}{title[len(kind.plural) :]}"
        live = compare.find(self.client, kind, namespace(obj), name(obj))
        if task.hook and live is not None:
            if "BeforeHookCreation" in policies_of(obj):
                self.client.delete(kind, name(obj), namespace(obj), options=DeleteOptions(propagation="Background"))
                return "Waiting", "waiting for the hook of the last time to end"
            return "Synced", f"{title} unchanged"
        if "ServerSideApply=true" in options and not task.hook:
            self.client.patch(kind, name(obj), obj, namespace(obj), patch_type="apply", options=self.write)
            return "Synced", f"{title} serverside-applied"
        if live is None:
            annotated = obj if task.hook else last_applied.annotated(obj)
            self.client.create(kind, annotated, namespace(obj), options=self.write)
            return "Synced", f"{title} created"
        if "Replace=true" in options:
            version = live["metadata"]["resourceVersion"]
            self.client.update(
                kind, with_metadata(last_applied.annotated(obj), resourceVersion=version), options=self.write
            )
            return "Synced", f"{title} replaced"
        patch_type, patch = compare.make_patch(kind, obj, live)
        if not patch:
            return "Synced", f"{title} unchanged"
        self.client.patch(kind, name(obj), patch, namespace(obj), patch_type=patch_type, options=self.write)
        return "Synced", f"{title} configured"

    # ------------------------------------------------------------------ how it goes

    def _look(
        self, tasks: Sequence[Task], results: dict[tuple[str, ...], Obj], *, last: bool
    ) -> tuple[list[Task], str]:
        """(tasks that are still going on, what has failed)."""
        waiting: list[Task] = []
        if self.dry_run:
            return waiting, ""
        for task in tasks:
            result = results[_task_key(task)]
            if task.prune or result.get("hookPhase") in (SUCCEEDED, FAILED):
                continue
            if result.get("hookPhase") == "Waiting":
                waiting.append(task)
                continue
            live = compare.find(self.client, self._kind(task.obj), task.id[2], task.id[3])
            found = health.of(live) if live is not None else (health.MISSING, "")
            if found is None or found[0] in (health.HEALTHY, health.SUSPENDED):
                phase = SUCCEEDED
            elif found[0] == health.DEGRADED and (task.hook or not last):
                phase = FAILED
            else:
                phase = RUNNING
            results[_task_key(task)] = {**result, "hookPhase": phase}
            if task.hook and phase in (SUCCEEDED, FAILED):
                self._clean_up(task, phase)
            if phase == FAILED:
                return [], f"{task.id[1]} {task.id[3]}: {(found or ('', ''))[1]}".rstrip(": ")
            if phase == RUNNING and (task.hook or not last):
                waiting.append(task)
        return waiting, ""

    def _clean_up(self, task: Task, phase: str) -> None:
        wanted = "HookSucceeded" if phase == SUCCEEDED else "HookFailed"
        if wanted in policies_of(task.obj):
            try:
                self.client.delete(
                    self._kind(task.obj), task.id[3], task.id[2], options=DeleteOptions(propagation="Background")
                )
            except ApiError as e:
                if e.reason != "NotFound":
                    raise


def _task_key(task: Task) -> tuple[str, ...]:
    return (*task.id, task.phase)


def _key(result: Obj) -> tuple[str, ...]:
    return (
        result.get("group") or "",
        result["kind"],
        result.get("namespace") or "",
        result["name"],
        result.get("syncPhase") or SYNC,
    )


def _result(task: Task, status: str, message: str, hook_phase: str) -> Obj:
    group, kind, where, called = task.id
    hook: Mapping[str, Any] = {"hookType": task.phase} if task.hook else {}
    return {
        "group": group,
        "version": str(task.obj["apiVersion"]).rpartition("/")[2],
        "kind": kind,
        "namespace": where,
        "name": called,
        "status": status,
        "message": message,
        "syncPhase": task.phase,
        "hookPhase": hook_phase if status != "Pruned" else SUCCEEDED,
        **hook,
    }


def retry_delay(retry: Obj, attempt: int) -> float:
    """Seconds before the attempt after `attempt` failed ones."""
    from minikctl.api.durations import parse_go_duration

    backoff = retry.get("backoff") or {}

    def seconds(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return float(parse_go_duration(text))

    first, longest = seconds(backoff.get("duration") or "5s"), seconds(backoff.get("maxDuration") or "3m")
    return min(first * float(backoff.get("factor") or 2) ** attempt, longest)
