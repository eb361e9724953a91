"""The pods that a Job makes. Pure. Source: concept "Jobs" (completion mode), KEP-2214."""

from __future__ import annotations

from minikctl.api.meta import Obj, annotations_of, labels_of, name
from minikctl.controllers.job import failures, spec

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_LONGEST_PREFIX = 58


def of(job: Obj, index: int | None, before: Obj | None = None) -> Obj:
    """The template of one pod. index: its completion index; before: the failed pod of that index that it replaces."""
    template = job["spec"].get("template", {})
    metadata = dict(template.get("metadata") or {})
    finalizers = metadata.get("finalizers") or []
    if spec.TRACKING not in finalizers:
        metadata["finalizers"] = [*finalizers, spec.TRACKING]
    if index is None:
        return {**template, "metadata": metadata}
    metadata["labels"] = {**labels_of(template), spec.INDEX: str(index)}
    annotations = {**annotations_of(template), spec.INDEX: str(index)}
    if spec.index_limit(job) is not None:
        annotations |= failures.replacement_annotations(job, before)
    metadata["annotations"] = annotations
    pod = {**template.get("spec", {}), "hostname": f"{name(job)}-{index}"}
    for field in ("initContainers", "containers"):
        if pod.get(field):
            pod[field] = [_with_index(c) for c in pod[field]]
    return {**template, "metadata": metadata, "spec": pod}


def _with_index(container: Obj) -> Obj:
    env = container.get("env") or []
    if any(e.get("name") == INDEX_VARIABLE for e in env):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{spec.INDEX}']"}}
    return {**container, "env": [*env, {"name": INDEX_VARIABLE, "valueFrom": source}]}


def generate_name(job: Obj, index: int | None) -> str:
    """`pi-`, or `pi-3-` for an index; the Job's part is cut where the whole would be too long."""
    if index is None:
        return f"{name(job)}-"
    suffix = f"-{index}-"
    return name(job)[: _LONGEST_PREFIX - len(suffix)] + suffix
