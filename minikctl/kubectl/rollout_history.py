"""The revisions of workloads: what each was, and how to get back to it.

Deployments keep theirs as ReplicaSets, DaemonSets and StatefulSets as ControllerRevisions, which hold a strategic merge
patch that replaces the template. Source: kubectl `polymorphichelpers/history.go`, `rollback.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import LAST_APPLIED, Obj, is_controlled_by
from minikctl.api.patch import strategic
from minikctl.api.selectors import from_label_selector
from minikctl.client import Client
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl.common_options import CHANGE_CAUSE
from minikctl.kubectl.describe import replica_sets
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.writer import Writer, table
from minikctl.util.errors import UsageError

ROLLED_BACK, SKIPPED = "rolled back", "skipped rollback"
_KEPT_ANNOTATIONS = frozenset(
    {
        LAST_APPLIED,
        replica_sets.REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""The Deployment's own annotations, which a rollback leaves alone."""
_WORKLOADS = frozenset({"Job", "Pod", "ReplicaSet", "ReplicationController", "CronJob"})


@dataclass(frozen=True)
class Revision:
    """One revision. `obj` is the ReplicaSet, or the workload as it was."""

    number: int
    template: Obj
    change_cause: str
    obj: Obj
    data: Obj | None = None
    """The ControllerRevision's patch."""


def check_kind(kind: Kind, what: str, noun: str) -> None:
    """Raises UsageError, in kubectl's words, for kinds that keep no history."""
    if kind.group == "apps" and kind.kind in ("Deployment", "DaemonSet", "StatefulSet"):
        return
    name = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    if kind.kind in _WORKLOADS and kind.group in ("", "apps", "batch"):
        raise UsageError(f'no {noun} has been implemented for "{name}"')
    raise UsageError(f'error retrieving {what} for "{name}", no visitor method exists for {{{kind.group} {kind.kind}}}')


def revisions(client: Client, kind: Kind, namespace: str, name: str) -> tuple[Obj, list[Revision]]:
    """The workload as it is, and its revisions in order. Raises UsageError."""
    try:
        obj = client.get(kind, name, namespace)
    except ApiError as e:
        word = {"Deployment": "deployment", "StatefulSet": "Statefulset"}.get(kind.kind, kind.kind)
        raise UsageError(f"failed to retrieve {word} {name}: {e}") from None
    found = _of_deployment(client, obj) if kind.kind == "Deployment" else _of_controller(client, kind, obj)
    return obj, sorted(found, key=lambda r: r.number)


def _of_deployment(client: Client, obj: Obj) -> list[Revision]:
    by_number: dict[int, Revision] = {}
    for rs in replica_sets.owned(client, obj):
        number = replica_sets.revision(rs)
        if number is not None:
            cause = (rs["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, "")
            by_number[number] = Revision(number, rs["spec"].get("template") or {}, cause, rs)
    return list(by_number.values())


def _of_controller(client: Client, kind: Kind, obj: Obj) -> list[Revision]:
    selector = str(from_label_selector(obj["spec"].get("selector")))
    listing = client.list("controllerrevisions.apps", obj["metadata"].get("namespace", ""), label_selector=selector)
    by_number: dict[int, Revision] = {}
    for item in listing["items"]:
        if not is_controlled_by(item, obj):
            continue
        data = item.get("data") or {}
        applied = strategic.apply(obj, data, kind.type)
        cause = (item["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, "")
        number = item.get("revision", 0)
        by_number[number] = Revision(number, applied["spec"].get("template") or {}, cause, applied, data)
    return list(by_number.values())


def overview(found: list[Revision]) -> str:
    """The table of `rollout history`."""
    if not found:
        return "No rollout history found."
    rows = [["REVISION", "CHANGE-CAUSE"]]
    return table(rows + [[str(r.number), r.change_cause or "<none>"] for r in found])


def details(found: list[Revision], number: int, kind: Kind) -> str:
    """The template of one revision. Raises UsageError when there is none."""
    if not found:
        return "No rollout history found."
    revision = next((r for r in found if r.number == number), None)
    if revision is None:
        raise UsageError("unable to find the specified revision")
    template = revision.template
    if kind.kind == "Deployment" and revision.change_cause:
        meta = template.get("metadata") or {}
        annotations = {**(meta.get("annotations") or {}), CHANGE_CAUSE: revision.change_cause}
        template = {**template, "metadata": {**meta, "annotations": annotations}}
    return template_text(template)


def template_text(template: Obj) -> str:
    w = Writer()
    pod_template(template, w)
    return w.unaligned()


# ---------------------------------------------------------------------- back


def goal(found: list[Revision], number: int, kind: Kind, name: str) -> Revision:
    """The revision to go back to; 0 is the one before the last. Raises UsageError."""
    if number:
        for revision in found:
            if revision.number == number:
                return revision
        raise UsageError(f"unable to find specified revision {number} in history")
    if len(found) < 2:
        if kind.kind == "Deployment":
            raise UsageError(f'no rollout history found for deployment "{name}"')
        raise UsageError("no last revision to roll back to")
    return found[-2]


def rollback(client: Client, kind: Kind, namespace: str, name: str, number: int, *, dry_run: str = "none") -> str:
    """Go back, or with dry run `client` tell where to; gives the message. Raises UsageError."""
    if number < 0:
        raise UsageError(f"unable to find specified revision {number} in history")
    obj, found = revisions(client, kind, namespace, name)
    target = goal(found, number, kind, name)
    is_deployment = kind.kind == "Deployment"
    if dry_run == "client":
        text = template_text(target.template)
        return text if is_deployment else f"will roll back to {text}"
    if is_deployment and obj["spec"].get("paused"):
        raise UsageError(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
        )
    if replica_sets.same_template(target.template, obj["spec"].get("template")):
        return f"{SKIPPED} (current template already matches revision {number})"
    options = WriteOptions(dry_run=dry_run == "server")
    try:
        if is_deployment:
            patch = _deployment_patch(obj, target)
            client.patch(kind, name, patch, namespace, patch_type="json", options=options)
        else:
            client.patch(kind, name, target.data, namespace, patch_type="strategic", options=options)
    except ApiError as e:
        raise UsageError(f"failed restoring revision {number}: {e}") from None
    return ROLLED_BACK


def _deployment_patch(obj: Obj, target: Revision) -> list[Obj]:
    own = obj["metadata"].get("annotations") or {}
    past = target.obj["metadata"].get("annotations") or {}
    annotations = {k: v for k, v in own.items() if k in _KEPT_ANNOTATIONS}
    annotations |= {k: v for k, v in past.items() if k not in _KEPT_ANNOTATIONS}
    return [
        {"op": "replace", "path": "/spec/template", "value": replica_sets.without_hash(target.template)},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},  # also where there were none
    ]
