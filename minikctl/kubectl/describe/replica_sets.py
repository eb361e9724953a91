"""The ReplicaSets of a Deployment, as `describe` and `rollout` see them. Source: kubectl `util/deployment`."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj, is_controlled_by
from minikctl.api.selectors import from_label_selector
from minikctl.client import Client

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


def owned(client: Client, deployment: Obj) -> list[Obj]:
    """All that the Deployment controls, oldest first. Raises ApiError."""
    selector = str(from_label_selector(deployment["spec"].get("selector")))
    found = client.list("replicasets.apps", deployment["metadata"].get("namespace", ""), label_selector=selector)
    mine = [rs for rs in found["items"] if is_controlled_by(rs, deployment)]
    return sorted(mine, key=lambda rs: (rs["metadata"].get("creationTimestamp", ""), rs["metadata"]["name"]))


def current(deployment: Obj, replica_sets: list[Obj]) -> Obj | None:
    """The oldest one with the Deployment's own template."""
    wanted = deployment["spec"].get("template")
    return next((rs for rs in replica_sets if same_template(rs["spec"].get("template"), wanted)), None)


def same_template(a: Obj | None, b: Obj | None) -> bool:
    """Whether two templates are equal but for the hash label."""
    return bool(_bare(a) == _bare(b))


def _bare(template: Obj | None) -> Any:
    return _without_empty(without_hash(template or {}))


def without_hash(template: Obj) -> Obj:
    """A copy without the hash label."""
    meta = template.get("metadata") or {}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k != HASH}
    return {**template, "metadata": {**meta, "labels": labels}}


def _without_empty(value: Any) -> Any:
    """Kubernetes' semantic equality: an empty list or map is as good as none."""
    if isinstance(value, dict):
        cleaned = {k: _without_empty(v) for k, v in value.items()}
        return {k: v for k, v in cleaned.items() if v not in (None, [], {})}
    if isinstance(value, list):
        return [_without_empty(v) for v in value]
    return value


def revision(obj: Obj) -> int | None:
    """The revision that the Deployment controller wrote down; 0 when there is none, None when it is no number."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError:
        return None
