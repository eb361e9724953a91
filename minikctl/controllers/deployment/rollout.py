"""A Deployment and its ReplicaSets during one sync: what is known, and every write that a sync may do.

What is found out about the Deployment on the way (its revision, conditions) is kept here and written once, with the
status at the end. Source: Kubernetes `pkg/controller/deployment/sync.go`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import (
    Obj,
    Objects,
    annotations_of,
    controller_of,
    find_condition,
    generation,
    is_deleting,
    name,
    namespace,
    owner_reference,
    uid,
    with_metadata,
)
from minikctl.client import Client
from minikctl.client.events import EventRecorder
from minikctl.controllers.common.pod_control import is_namespace_terminating
from minikctl.controllers.deployment import limits, progress, replica_sets, revisions, rolling, template
from minikctl.controllers.deployment.replica_sets import size


class Rollout:
    """`deployment` is as it will be written; `stored` as it is in the cache."""

    def __init__(
        self, client: Client, recorder: EventRecorder, kinds: tuple[Kind, Kind], deployment: Obj, now: datetime
    ):
        self._client, self._recorder, self._now = client, recorder, now
        self._kind, self._rs_kind = kinds
        self.stored = self.deployment = deployment
        self.new: Obj | None = None
        self.old: Objects = []

    @property
    def all(self) -> Objects:
        return [*self.old, *([self.new] if self.new is not None else [])]

    # ------------------------------------------------------------------ finding out

    def find_replica_sets(self, claimed: Objects) -> None:
        """Tell the new ReplicaSet from the old ones, and bring its annotations and minReadySeconds up to date."""
        self.new = replica_sets.find_new(self.deployment, claimed)
        self.old = replica_sets.all_but(claimed, self.new)
        if self.new is None:
            return
        wanted = revisions.for_new_replica_set(self.deployment, self.new, revisions.highest(self.old) + 1)
        min_ready = limits.min_ready_seconds(self.deployment)
        if wanted != annotations_of(self.new) or min_ready != limits.min_ready_seconds(self.new):
            spec = {k: v for k, v in self.new["spec"].items() if k != "minReadySeconds"}
            spec |= {"minReadySeconds": min_ready} if min_ready else {}
            changed = {**revisions.annotated(self.new, wanted), "spec": spec}
            self.new = self._client.update(self._rs_kind, changed)
        self._set_revision(annotations_of(self.new).get(revisions.REVISION, ""))
        self._note_if_unknown(progress.FOUND, f'Found new replica set "{name(self.new)}"')

    def note_pause(self) -> None:
        """Have the conditions say that the Deployment was paused or resumed."""
        self._set_conditions(progress.with_pause(self.deployment, self._now))

    def _set_revision(self, revision: str) -> None:
        annotations = annotations_of(self.deployment)
        if revision and annotations.get(revisions.REVISION) != revision:
            self.deployment = revisions.annotated(self.deployment, {**annotations, revisions.REVISION: revision})

    def _set_conditions(self, conditions: Objects) -> None:
        if conditions is not progress.conditions_of(self.deployment):
            status = {**self.deployment.get("status", {}), "conditions": conditions}
            self.deployment = {**self.deployment, "status": status}

    def _note_if_unknown(self, reason: str, message: str) -> None:
        if find_condition(progress.conditions_of(self.deployment), progress.PROGRESSING) is None:
            self._note(reason, "True", message)

    def _note(self, reason: str, status: str, message: str) -> None:
        """Set condition Progressing, where progress is watched at all."""
        if limits.progress_deadline(self.deployment) is not None:
            new = progress.condition(progress.PROGRESSING, status, reason, message, self._now)
            self._set_conditions(progress.with_condition(progress.conditions_of(self.deployment), new))

    # ------------------------------------------------------------------ the new ReplicaSet

    def ensure_new(self) -> Obj:
        """The new ReplicaSet, created when it does not exist yet."""
        if self.new is None:
            self.new = self._create()
        return self.new

    def _create(self) -> Obj:
        deployment = self.deployment
        wanted = self._new_replica_set()
        revision = annotations_of(wanted)[revisions.REVISION]
        try:
            created = self._client.create(self._rs_kind, wanted, namespace(deployment))
        except ApiError as e:
            if e.reason == "AlreadyExists":
                return self._already_there(wanted, revision, e)
            if not is_namespace_terminating(e):
                self._report_failure(name(wanted), e)
            raise
        if size(created) > 0:
            text = f"Scaled up replica set {name(created)} from 0 to {size(created)}"
            self._recorder.normal(deployment, "ScalingReplicaSet", text)
        self._set_revision(revision)
        self._note(progress.CREATED, "True", f'Created new replica set "{name(created)}"')
        return created

    def _new_replica_set(self) -> Obj:
        """The object to create: named after the template's hash, so that trying twice makes one."""
        deployment, spec = self.deployment, self.deployment["spec"]
        hash_ = template.compute_hash(spec["template"], deployment.get("status", {}).get("collisionCount"))
        pods = template.with_hash(spec["template"], hash_)
        selector = spec["selector"]
        wanted: Obj = {
            "apiVersion": self._rs_kind.api_version,
            "kind": self._rs_kind.kind,
            "metadata": {
                "name": f"{name(deployment)[: 252 - len(hash_)]}-{hash_}",
                "namespace": namespace(deployment),
                "labels": pods["metadata"]["labels"],
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": {
                    **selector,
                    "matchLabels": {**(selector.get("matchLabels") or {}), template.HASH_LABEL: hash_},
                },
                "template": pods,
            },
        }
        if limits.min_ready_seconds(deployment):
            wanted["spec"]["minReadySeconds"] = limits.min_ready_seconds(deployment)
        wanted["spec"]["replicas"] = rolling.new_size(deployment, wanted, self.old)
        annotations = revisions.for_new_replica_set(deployment, wanted, revisions.highest(self.old) + 1)
        return revisions.annotated(wanted, annotations | revisions.replicas(deployment))

    def _already_there(self, wanted: Obj, revision: str, error: ApiError) -> Obj:
        """Ours, when the cache is behind; else two templates have the same hash, and the next try takes another."""
        deployment = self.deployment
        present = self._client.get(self._rs_kind, name(wanted), namespace(deployment))
        ref = controller_of(present)
        if (
            ref is not None
            and ref.get("uid") == uid(deployment)
            and template.equal(present["spec"]["template"], deployment["spec"]["template"])
        ):
            self._set_revision(revision)
            return present
        status = deployment.get("status", {})
        self._write({**status, "collisionCount": int(status.get("collisionCount") or 0) + 1})
        raise error

    def _report_failure(self, rs_name: str, error: ApiError) -> None:
        text = f'Failed to create new replica set "{rs_name}": {error.message}'
        self._note(progress.CREATE_ERROR, "False", text)
        self._recorder.warning(self.deployment, progress.CREATE_ERROR, text)
        if self.deployment is not self.stored:
            self._write(self.deployment.get("status", {}))

    # ------------------------------------------------------------------ sizes

    def scale(self, rs: Obj, to: int, *, annotate: bool = False) -> bool:
        """Give a ReplicaSet a size. True when that changed it.

        annotate: also record the Deployment's own size where only that has changed.
        """
        before = size(rs)
        annotations = annotations_of(rs) | revisions.replicas(self.deployment)
        if before == to and not (annotate and annotations != annotations_of(rs)):
            return False
        changed = {**with_metadata(rs, annotations=annotations), "spec": {**rs["spec"], "replicas": to}}
        self._replace(self._client.update(self._rs_kind, changed))
        if before != to:
            direction = "up" if to > before else "down"
            text = f"Scaled {direction} replica set {name(rs)} from {before} to {to}"
            self._recorder.normal(self.deployment, "ScalingReplicaSet", text)
        return before != to

    def scale_all(self, sizes: list[tuple[Obj, int]], *, annotate: bool = False) -> bool:
        """Give several ReplicaSets their sizes. True when any changed."""
        changed = [self.scale(rs, to, annotate=annotate) for rs, to in sizes]
        return any(changed)

    def _replace(self, rs: Obj) -> None:
        if self.new is not None and uid(rs) == uid(self.new):
            self.new = rs
        self.old = [rs if uid(rs) == uid(o) else o for o in self.old]

    def clean_up(self) -> None:
        """Delete old ReplicaSets beyond revisionHistoryLimit, the lowest revisions first; never one with pods."""
        limit = limits.history_limit(self.deployment)
        if limit is None:
            return
        alive = [rs for rs in self.old if not is_deleting(rs)]
        for rs in replica_sets.by_revision(alive)[: max(len(alive) - limit, 0)]:
            observed = replica_sets.count(rs, "observedGeneration")
            if size(rs) or replica_sets.count(rs, "replicas") or generation(rs) > observed:
                continue
            try:
                self._client.delete(self._rs_kind, name(rs), namespace(rs))
            except ApiError as e:
                if e.reason != "NotFound":
                    raise

    # ------------------------------------------------------------------ the status

    def report(self) -> float | None:
        """Write the status of a rollout. Returns when to look again, in seconds, should nothing happen before."""
        status = progress.status_of_rollout(self.deployment, self.new, self.all, self._now)
        if self._write(status):
            return None  # the change itself brings the next sync
        return progress.seconds_until_stuck(self.deployment, status, self._now)

    def report_counts(self) -> float | None:
        """Write the status of a Deployment that is only scaled, paused or being deleted."""
        self._write(progress.status_of_counts(self.deployment, self.new, self.all, self._now))
        return None

    def _write(self, status: Obj) -> bool:
        """True when there was something to write."""
        status = {k: v for k, v in status.items() if v != []}
        same = annotations_of(self.deployment) == annotations_of(self.stored)
        if same and status == (self.stored.get("status") or {}):
            return False
        self.stored = self.deployment = self._client.update(
            self._kind, {**self.deployment, "status": status}, subresource="status"
        )
        return True
