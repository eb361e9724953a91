"""Deployment."""

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.describe import Subject, metadata, replica_sets
from minikctl.kubectl.describe.pod_template import pod_template
from minikctl.kubectl.describe.values import rfc1123
from minikctl.kubectl.describe.workload import conditions
from minikctl.kubectl.describe.writer import Writer

GROUP = "apps"


def describe(about: Subject, w: Writer) -> None:
    deployment = about.obj
    spec, status = deployment["spec"], deployment.get("status") or {}
    w.field(0, "Name", deployment["metadata"]["name"])
    w.field(0, "Namespace", deployment["metadata"].get("namespace", ""))
    w.field(0, "CreationTimestamp", rfc1123(deployment["metadata"].get("creationTimestamp")))
    metadata.labels_and_annotations(w, deployment)
    w.field(0, "Selector", from_label_selector(spec.get("selector")))
    w.field(
        0,
        "Replicas",
        f"{spec.get('replicas', 1)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable",
    )
    strategy = spec.get("strategy") or {}
    w.field(0, "StrategyType", strategy.get("type", ""))
    w.field(0, "MinReadySeconds", spec.get("minReadySeconds", 0))
    rolling = strategy.get("rollingUpdate")
    if rolling is not None:
        limits = f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
        w.field(0, "RollingUpdateStrategy", limits)
    pod_template(spec.get("template"), w)
    conditions(deployment, w)
    _replica_sets(about, w)
    about.events(w)


def _replica_sets(about: Subject, w: Writer) -> None:
    try:
        found = replica_sets.owned(about.client, about.obj)
    except ApiError:
        return
    if not found:
        return
    new = replica_sets.current(about.obj, found)
    w.field(0, "OldReplicaSets", _sizes([rs for rs in found if rs is not new]))
    w.field(0, "NewReplicaSet", _sizes([new] if new else []))


def _sizes(sets: list[Obj]) -> str:
    texts = [
        f"{rs['metadata']['name']} ({(rs.get('status') or {}).get('replicas', 0)}/{rs['spec'].get('replicas', 1)} replicas created)"
        for rs in sets
    ]
    return ", ".join(texts) or "<none>"
