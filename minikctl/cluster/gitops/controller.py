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

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, annotations_of, is_deleting, name, namespace, timestamp, with_metadata
from minikctl.client import DeleteOptions
from minikctl.client.informer import Handler
from minikctl.cluster.gitops import application, automation, compare, operation, status
from minikctl.cluster.gitops.application import APPLICATIONS, FINALIZER, REFRESH, InvalidSpec
from minikctl.cluster.gitops.compare import Compared
from minikctl.cluster.gitops.desired import RECONCILE_SECONDS, Desired
from minikctl.cluster.gitops.progress import Progress
from minikctl.cluster.gitops.repository import Repositories, SourceError
from minikctl.controllers.base import Context, Controller

log = logging.getLogger("gitops")
STEP_SECONDS, ERROR_SECONDS = 1.0, 30.0


class ApplicationController(Controller):
    name = "argocd-application-controller"

    def __init__(self, context: Context, repositories: Repositories):
        self._followed: set[tuple[str, str]] = set()
        super().__init__(context)
        self._desired = Desired(self.client, repositories, self.clock)
        self._progress = Progress(self.client, self.recorder, self.clock)

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
        app = compare.find(self.client, self.apps.kind, where, called)
        if app is None:
            self._desired.forget(object_key)
            return None
        if is_deleting(app):
            return self._delete(app)
        before = app.get("status") or {}
        after, pending, pause = self._reconcile(object_key, app, before)
        self._write(app, before, after, pending)
        return pause

    def _reconcile(self, key: str, app: Obj, before: Obj) -> tuple[Obj, Obj | None, float]:
        """(the new status, the operation that is under way, when to look again)."""
        try:
            application.check(self.client, app)
            revision, source_type, objects = self._desired.of(key, app)
            wanted = compare.wanted(app, objects, lambda o: self.client.kind_of(o["apiVersion"], o["kind"]))
            hooks = [o for o in wanted if compare.is_hook(o)]
            plain = [o for o in wanted if not compare.is_hook(o)]
            found = compare.compare(self.client, app, plain, status.had(before))
        except (InvalidSpec, SourceError) as e:
            return status.in_error(app, before, e, self.clock.now()), None, ERROR_SECONDS
        kinds = {k.resource: k for o in wanted if (k := self.client.kind_of(o["apiVersion"], o["kind"]))}
        self._follow(kinds.values())
        after = status.of(app, before, revision, source_type, found, self.clock.now())
        pending, waits = self._operation_of(app, after, revision, found)
        if pending is None:
            return after, None, min(waits, self._desired.next_look(key))
        after = self._progress.carry_on(app, after, pending, revision, found, hooks)
        if after["operationState"]["phase"] == operation.RUNNING:
            return after, pending, STEP_SECONDS
        found = compare.compare(self.client, app, plain, status.had(after))
        return status.of(app, after, revision, source_type, found, self.clock.now()), None, STEP_SECONDS

    def _operation_of(self, app: Obj, after: Obj, revision: str, found: list[Compared]) -> tuple[Obj | None, float]:
        """What is to be carried out now: what runs, what somebody asked for, or what the policy says; seconds until
        the policy may say something else. A complaint of the policy's goes into the new status."""
        if app.get("operation"):
            asked: Obj = app["operation"]
            return asked, STEP_SECONDS
        now = self.clock.now()
        begin, wait, complaint = automation.decide(app, after, revision, found, now)
        if begin is not None:
            self.recorder.normal(app, "OperationStarted", f"Initiated automated sync to '{revision}'")
        if complaint:
            after["conditions"] = status.with_conditions(after, [(status.SYNC_ERROR, complaint)], now)
        return begin, RECONCILE_SECONDS if wait is None else wait

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
        self.client.update(self.apps.kind, whole)
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
        left = [c for c in compare.compare(self.client, app, [], status.had(app.get("status") or {})) if c.live]
        for one in left:
            live = one.live or {}
            kind = self.client.kind_of(live["apiVersion"], live["kind"])
            if kind is not None and not is_deleting(live) and "Delete=false" not in operation._options(live):
                with suppress(ApiError):
                    self.client.delete(kind, one.id[3], one.id[2], options=DeleteOptions(propagation="Foreground"))
        if any("Delete=false" not in operation._options(c.live or {}) for c in left):
            return STEP_SECONDS
        self.client.update(self.apps.kind, with_metadata(app, finalizers=kept or None))
        return None


def of_state_dir(state_dir: Path) -> Callable[[Context], ApplicationController]:
    """The controller with its mirrors in a state directory."""
    repositories = Repositories(state_dir.absolute() / "run" / "gitops")
    return lambda context: ApplicationController(context, repositories)


__all__ = ["ApplicationController", "of_state_dir"]
